"""Cuts a reply into phrases to speak, while it is still being thought of.

A phrase is one or more whole sentences; the first of a reply may be a clause, so that speech starts early. A sentence's end is
known only when the next character is there or the reply ends, so each character is looked at once and any chunking gives
the same phrases. All phrases together are the reply, less its markdown marks and a rest that has nothing to pronounce.
"""

from enum import IntEnum

from pipeline.markdown import Unmarked

FIRST_CHARS = 12
"""Length from which the first phrase may end, at a clause too."""
LEAST_CHARS = 20
"""Length from which a later phrase may end; a shorter sentence is spoken with the next."""
MOST_CHARS = 200
"""No phrase is longer; it is cut at a clause if one is far enough in, or between words."""
_EARLIEST_CUT = 60
"""Characters into a phrase from which a clause's end is a good place to cut it."""
_MOST_WORD = 48
"""Characters at a word's end that are looked at: no abbreviation is longer."""

_CLOSERS = "\"')]}\u00bb\u201c\u201d\u2019\u203a"
"""Brackets and quotes that belong to the words before them."""
_SURE_CLOSERS = ")]}\u00bb\u201d\u203a"
"""Those that close even after a space."""
_OPENERS = "\"'([{\u00ab\u201c\u201e\u2018\u2039\u00bf\u00a1"
_SPANISH_OPENERS = "\u00bf\u00a1"
_DETACHED = "!?.,;:\u2026" + _SURE_CLOSERS
"""Marks that belong to the words before them even after a space, as in French."""
_DASHES = ("-", "--", "\u2013", "\u2014")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = _words("etc dr prof tel vs max min vol")
_ABBREVIATIONS = {
    "en": _EVERYWHERE
    | _words(
        "mr mrs ms mx st rd ave blvd sr jr rev gen col capt lt sgt hon gov sen rep mt ft inc ltd co corp dept est approx appt "
        "ext fig jan feb aug sept oct nov dec"
    ),
    "es": _EVERYWHERE
    | _words(
        "sr sra srta sres dra dña prof profa ud uds vd lic ing arq avda av ej pág págs núm nro tfno teléf aprox ene feb abr "
        "ago sept oct nov dic cía ltda izq dcha dpto admón"
    ),
    "fr": _EVERYWHERE
    | _words("mm mme mlle st ste av bd boul env ex fig hab janv févr avr juil sept oct nov déc tél réf cf éd chap"),
    "de": _EVERYWHERE
    | _words(
        "hr fr bzw ca usw str nr inkl exkl evtl ggf zzgl bspw sog vgl abs art jan feb aug sept okt nov dez tägl geb mio mrd "
        "mind st std ing dipl"
    ),
}
_MAY_END = frozenset(("etc", "usw"))
"""Abbreviations that do end a sentence before a capital."""
_BEFORE_NUMBERS = frozenset(("no", "pp"))
"""Words that are abbreviations only before a number."""


class _End(IntEnum):
    WORD = 0
    CLAUSE = 1
    SENTENCE = 2


class Phraser:
    """One reply on its way to speech."""

    def __init__(self, language: str) -> None:
        self._unmarked = Unmarked()
        self._language = language
        self._abbreviations = _ABBREVIATIONS.get(language, _ABBREVIATIONS["en"])
        self._first = True
        self._phrase: list[str] = []
        """Characters of the phrase so far, gaps as single spaces."""
        self._word_start = 0
        """Where in the phrase its last word begins."""
        self._gap = False
        self._newline = False
        """Whether whitespace, and a line's end, came after the last word."""
        self._line_start = True
        """Whether the last word is the first of its line."""
        self._carried = _End.WORD
        """What had ended before closing marks that stand alone."""
        self._last_gap = 0
        self._last_clause = 0
        """Where a phrase that grows too long can be cut; 0 is nowhere."""
        self._ready: list[str] = []

    def push(self, delta: str) -> list[str]:
        """Phrases that this piece of the reply completes."""
        self._read(self._unmarked.push(delta))
        return self._take_ready()

    def flush(self) -> list[str]:
        """What remains when the reply has ended."""
        self._read(self._unmarked.flush())
        if any(letter.isalnum() for letter in self._phrase):
            self._ready.append("".join(self._phrase))
        self._cut(len(self._phrase))
        return self._take_ready()

    def _take_ready(self) -> list[str]:
        ready, self._ready = self._ready, []
        return ready

    def _read(self, text: str) -> None:
        for letter in text:
            if letter.isspace():
                self._gap = True
                self._newline = self._newline or letter == "\n"
                continue
            if self._phrase and (self._gap or self._opens_sentence(letter)):
                self._end_word(letter)
            self._gap = self._newline = False
            self._phrase.append(letter)
            if len(self._phrase) > MOST_CHARS:
                self._cut_long()

    def _opens_sentence(self, letter: str) -> bool:
        return letter in _SPANISH_OPENERS and self._phrase[-1] in ".!?\u2026"

    def _end_word(self, following: str) -> None:
        """A word is complete, and so may be its phrase; `following` is the first character of the next."""
        end = self._judge(following)
        length = len(self._phrase)
        if end is _End.SENTENCE or (end is _End.CLAUSE and self._first):
            long_enough = length >= (FIRST_CHARS if self._first else LEAST_CHARS)
            if long_enough and any(letter.isalnum() for letter in self._phrase):
                self._emit(length)
        if self._phrase:
            self._last_gap = length
            if end is not _End.WORD:
                self._last_clause = length
            if self._gap:
                self._phrase.append(" ")
        self._word_start = len(self._phrase)
        self._line_start = self._newline

    def _judge(self, following: str) -> _End:
        """What ends with the last word. Marks that stand alone go with the words before them."""
        word = "".join(self._phrase[max(self._word_start, len(self._phrase) - _MOST_WORD) :])
        core = word.rstrip(_CLOSERS)
        end = self._judge_word(core, word != core, following) if core else self._carried
        if self._newline:
            end = _End.SENTENCE
        self._carried = end
        return _End.WORD if following in _DETACHED and not self._newline else end

    def _judge_word(self, core: str, closed: bool, following: str) -> _End:
        last = core[-1]
        if last in ";:" or (last in "!?" and not (closed and following.islower())):
            return _End.SENTENCE
        if last == "\u2026" or core.endswith("..."):
            return _End.CLAUSE if following.islower() else _End.SENTENCE
        if last == ".":
            return _End.WORD if self._is_abbreviation(core.lstrip(_OPENERS), following) else _End.SENTENCE
        return _End.CLAUSE if last == "," or core in _DASHES or last == "\u2014" else _End.WORD

    def _is_abbreviation(self, core: str, following: str) -> bool:
        bare = core[:-1]
        known = bare.lower()
        if bare.isdigit():
            return self._line_start or (self._language == "de" and len(bare) <= 2)
        if known in _BEFORE_NUMBERS:
            return following.isdigit()
        if known in self._abbreviations:
            return not (known in _MAY_END and following.isupper())
        # An English sentence ends with "I" more often than a name begins with it.
        if len(bare) == 1:
            return bare.isalpha() and not (bare == "I" and self._language == "en")
        letters = bare.replace("-", ".").split(".")
        return bare != "" and all(letter == "" or (len(letter) == 1 and letter.isalpha()) for letter in letters)

    def _cut_long(self) -> None:
        if self._last_clause >= _EARLIEST_CUT:
            self._emit(self._last_clause)
        elif self._last_gap:
            self._emit(self._last_gap)
        else:
            self._emit(MOST_CHARS)

    def _emit(self, length: int) -> None:
        self._ready.append("".join(self._phrase[:length]))
        self._first = False
        self._cut(length)

    def _cut(self, length: int) -> None:
        """Drops the beginning of the phrase, and the space after it."""
        if self._phrase[length : length + 1] == [" "]:
            length += 1
        del self._phrase[:length]
        self._word_start = max(self._word_start - length, 0)
        self._last_gap = max(self._last_gap - length, 0)
        self._last_clause = max(self._last_clause - length, 0)
