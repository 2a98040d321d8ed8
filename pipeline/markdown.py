"""Takes the marks out of a reply that a language model wrote with markdown, as it streams in.

Emphasis, headings, bullets, code fences, rules and quotes go; a link or a picture leaves its text. What only looks like a mark
stays: `2 * 3`, `snake_case`, `C#`, `[sic]`. At most a run of marks or the text of a link is held back. Any chunking gives
the same words, because each character is looked at once, in order.
"""

from enum import Enum, auto

_LONGEST_LABEL = 120
"""Characters that a link's text may have; a bracket that stays open for longer is no link."""
_LONGEST_TARGET = 500
"""Characters that may stand between a link's parentheses."""
_ANYWHERE = "*_`~"
_AT_LINE_START = "#-+>\u2022"


class _Link(Enum):
    OUTSIDE = auto()
    PICTURE = auto()
    """A `!` that may begin a picture."""
    LABEL = auto()
    LABEL_ENDED = auto()
    TARGET = auto()


class Unmarked:
    """One reply on its way from markdown to plain words."""

    def __init__(self) -> None:
        self._link = _Link.OUTSIDE
        self._held: list[str] = []
        self._depth = 0
        self._before = "\n"
        """The last character that was let through; a reply begins like a line."""
        self._line_start = True
        self._run = ""
        self._run_length = 0
        self._skips_tag = False
        """Within the name of a language, after a code fence."""
        self._out: list[str] = []

    def push(self, delta: str) -> str:
        for letter in delta:
            self._take(letter)
        return self._drain()

    def flush(self) -> str:
        """What was held back when the reply ended."""
        if self._link is not _Link.TARGET:
            self._release()
        self._end_run("")
        return self._drain()

    def _drain(self) -> str:
        text = "".join(self._out)
        self._out.clear()
        return text

    def _take(self, letter: str) -> None:
        """Links: text goes on to the marks, a target is dropped."""
        match self._link:
            case _Link.OUTSIDE:
                if letter in "![":
                    self._held.append(letter)
                    self._link = _Link.LABEL if letter == "[" else _Link.PICTURE
                else:
                    self._unmark(letter)
            case _Link.PICTURE:
                if letter == "[":
                    self._held.append(letter)
                    self._link = _Link.LABEL
                else:
                    self._release()
                    self._take(letter)
            case _Link.LABEL:
                if letter in "[!\n" or len(self._held) > _LONGEST_LABEL:
                    self._release()
                    self._take(letter)
                else:
                    self._held.append(letter)
                    self._link = _Link.LABEL_ENDED if letter == "]" else _Link.LABEL
            case _Link.LABEL_ENDED:
                if letter == "(":
                    label = "".join(self._held[:-1]).lstrip("![")
                    self._held = [letter]
                    self._link, self._depth = _Link.TARGET, 1
                    for kept in label:
                        self._unmark(kept)
                else:
                    self._release()
                    self._take(letter)
            case _Link.TARGET:
                self._depth += {"(": 1, ")": -1}.get(letter, 0)
                if letter == "\n" or len(self._held) > _LONGEST_TARGET:
                    self._release()
                    self._take(letter)
                elif self._depth:
                    self._held.append(letter)
                else:
                    self._held.clear()
                    self._link = _Link.OUTSIDE

    def _release(self) -> None:
        """It was no link after all."""
        for letter in self._held:
            self._unmark(letter)
        self._held.clear()
        self._link = _Link.OUTSIDE

    def _unmark(self, letter: str) -> None:
        """Marks: a run of one sign is judged by what stands before and after it."""
        if self._skips_tag:
            self._skips_tag = letter.isalnum() or letter in "+-#._"
            if self._skips_tag:
                return
        if self._run:
            if letter == self._run:
                self._run_length += 1
                return
            self._end_run(letter)
            if self._skips_tag:
                self._unmark(letter)
                return
        if letter in _ANYWHERE or (self._line_start and letter in _AT_LINE_START):
            self._run, self._run_length = letter, 1
        else:
            self._let_through(letter)

    def _let_through(self, letter: str) -> None:
        self._out.append(letter)
        self._before = letter
        self._line_start = letter == "\n" or (self._line_start and letter.isspace())

    def _end_run(self, after: str) -> None:
        sign, length = self._run, self._run_length
        self._run = ""
        if sign == "`" and self._line_start and length >= 3:
            self._skips_tag = True
        elif sign and not self._is_mark(sign, length, after):
            for _ in range(length):
                self._let_through(sign)

    def _is_mark(self, sign: str, length: int, after: str) -> bool:
        before = self._before
        ends = not after or after.isspace()
        match sign:
            case "*":
                multiplies = (before.isdigit() and after.isdigit()) or (before.isspace() and after.isspace())
                return self._line_start or length > 1 or not multiplies
            case "_":
                return not (before.isalnum() and after.isalnum())
            case "~":
                return length > 1
            case "#":
                return ends
            case "-" | "+":
                return (length == 1 and ends) or (length >= 3 and after in ("\n", ""))
            case _:
                return True
