"""Finds what a caller gave: values by their wordings, and free words by a pattern.

A wording is found wherever it stands, the longest first. Free words (a name, a number) are found after or before their carrier
sentence, or as the whole turn when they were asked for; they are given back as the caller's words were written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.flow_schema import PLACEHOLDER, Slot
from pipeline.flow_words import SmallWords, Token, folded

_BREAK = "|"
"""Stands where free words end; no pattern over words can match across it."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A value that was heard, and the words that said it."""

    slot: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _FreeWords:
    bare: re.Pattern[str]
    carried: tuple[re.Pattern[str], ...]
    spelling: dict[tuple[str, ...], str]


class SlotReader:
    """Reads the slots of a flow in one language."""

    def __init__(self, slots: Mapping[str, Slot], language: str, small: SmallWords) -> None:
        self._small = small
        self._wordings: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._free: dict[str, _FreeWords] = {}
        for name, slot in slots.items():
            for value, wordings in slot.values.items():
                for wording in wordings[language]:
                    self._wordings.setdefault(folded(wording), []).append((name, value))
            if slot.pattern:
                self._free[name] = _free_words(slot, language)
        self._longest = max(map(len, self._wordings), default=0)

    def vocabulary(self) -> set[str]:
        return {word for wording in self._wordings for word in wording}

    def is_free(self, slot: str) -> bool:
        return slot in self._free

    def mentions(self, words: Sequence[str]) -> tuple[Mention, ...]:
        """Values in the order in which they were said; a wording of two slots gives a mention of each."""
        found: list[Mention] = []
        start = 0
        while start < len(words):
            for end in range(min(len(words), start + self._longest), start, -1):
                named = self._wordings.get(tuple(words[start:end]))
                if named:
                    found += [Mention(slot, value, start, end) for slot, value in named]
                    start = end - 1
                    break
            start += 1
        return tuple(found)

    def free_words(self, slot: str, heard: Sequence[Token], text: str, asked: bool) -> Mention | None:
        """Words for a slot with a pattern: within its carriers, or all that was said if it was asked for."""
        free = self._free[slot]
        line, starts = self._line(heard, range(len(heard)))
        for carried in free.carried:
            match = carried.search(line)
            if match:
                return self._mention(slot, heard, text, starts, match.span("value"))
        if asked and self._may_be_all(heard):
            line, starts = self._line(heard, self._weighty(heard))
            match = free.bare.fullmatch(line.rstrip(f" {_BREAK}"))
            if match:
                return self._mention(slot, heard, text, starts, match.span())
        return None

    def _line(self, heard: Sequence[Token], numbers: range) -> tuple[str, dict[int, int]]:
        """These words in one line, and which word starts at each of its offsets."""
        parts: list[str] = []
        starts: dict[int, int] = {}
        offset = 0
        for number in numbers:
            token = heard[number]
            starts[offset] = number
            part = _BREAK if token.word in self._small.breaks else token.word
            part += f" {_BREAK}" if token.pause else ""
            parts.append(part)
            offset += len(part) + 1
        return " ".join(parts), starts

    def _weighty(self, heard: Sequence[Token]) -> range:
        """The words from the first to the last that is not light."""
        numbers = [number for number, token in enumerate(heard) if token.word not in self._small.light]
        return range(numbers[0], numbers[-1] + 1)

    def _may_be_all(self, heard: Sequence[Token]) -> bool:
        small = self._small
        refusing = small.negators | small.no | small.yes
        return not any(token.word in refusing for token in heard) and any(token.word not in small.light for token in heard)

    def _mention(
        self, slot: str, heard: Sequence[Token], text: str, starts: Mapping[int, int], span: tuple[int, int]
    ) -> Mention | None:
        inside = [number for offset, number in starts.items() if span[0] <= offset < span[1]]
        while inside and heard[inside[-1]].word in self._small.light:
            inside.pop()
        if not inside:
            return None
        first, last = heard[inside[0]], heard[inside[-1]]
        said = tuple(token.word for token in heard[inside[0] : inside[-1] + 1])
        value = self._free[slot].spelling.get(said, text[first.start : last.end])
        return Mention(slot, value, inside[0], inside[-1] + 1)


def _free_words(slot: Slot, language: str) -> _FreeWords:
    pattern = f"(?P<value>{slot.pattern[language]})"
    carried: list[re.Pattern[str]] = []
    for carrier in slot.carriers.get(language, ()):
        before, after = (" ".join(folded(part)) for part in PLACEHOLDER.sub("\0", carrier).split("\0"))
        if before or after:
            carried.append(
                re.compile(rf"(?:^|(?<= )){before}{' ' if before else ''}{pattern}(?= |$){' ' if after else ''}{after}")
            )
    spelling = {folded(answer): answer for answer in slot.likely.get(language, ())}
    return _FreeWords(re.compile(pattern), tuple(carried), spelling)
