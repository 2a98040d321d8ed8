"""Which sentence of a flow a caller meant: weighted overlap of words, in any order, in spite of small mistakes.

A word that few intents use says more than one of many, a light word says least. An unknown word is taken for a known one that
differs by a letter or two; a known word is never taken for another, so Tuesday stays apart from Thursday. Slot values
count as their slot, so one example holds for all of them; an example that names a value is also matched word by word.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.flow_schema import PLACEHOLDER
from pipeline.flow_slots import Mention, SlotReader
from pipeline.flow_words import SmallWords, Token, folded, negated, tokens

_LIGHT = 0.2
_SLOT = 0.6
_UNKNOWN = 1.0
"""Weights of words beside that of a word which one intent alone uses: 1."""
SURE = 0.75
"""Likeness from which there is no doubt; what a caller may say at any time must be said so surely."""
_EXAMPLE_SHARE = 0.55
"""How much it counts that the example was said, beside that nothing else was."""
_DENIED = 0.6
"""Factor when the caller denies something and the example does not."""
_STEM = 4
"""Letters that two forms of a word have in common at least."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn, taken apart."""

    text: str
    tokens: tuple[Token, ...]
    words: tuple[str, ...]
    """Folded, small mistakes mended."""
    mentions: tuple[Mention, ...]
    plain: "_Units"
    annotated: "_Units"
    """The same with slots in place of values."""
    denies: bool


@dataclass(frozen=True, slots=True)
class _Units:
    """What is compared: each unit's names, how surely it was heard, and its weight."""

    sure: dict[str, float]
    units: tuple[tuple[tuple[str, ...], float], ...]
    total: float


@dataclass(frozen=True, slots=True)
class _Example:
    intent: str
    words: frozenset[str]
    core: frozenset[str]
    """Words that say what it is about: neither light nor a slot."""
    total: float
    denies: bool


class Matcher:
    """The sentences of a flow in one language, made ready to compare."""

    def __init__(
        self,
        sentences: Mapping[str, Sequence[str]],
        commands: Mapping[str, Sequence[str]],
        fills: Mapping[str, Container[str]],
        slots: SlotReader,
        small: SmallWords,
    ) -> None:
        """`commands` are sentences that must be said surely; `fills` names the slots of each intent."""
        self._slots = slots
        self._commands = frozenset(commands)
        self._small = small
        sets = [
            (intent, words)
            for intent, texts in {**sentences, **commands}.items()
            for words in self._word_sets(texts, fills.get(intent, ()))
        ]
        self._weights = _weights(sets, small)
        self._examples = tuple(self._example(intent, words) for intent, words in sets)
        used = {word for word in self._weights if not word.startswith("{")} | slots.vocabulary()
        self._known = frozenset(used | small.light | small.yes | small.no | small.negators)
        self._near = _neighbours(word for word in used | small.yes | small.no if len(word) >= _STEM)

    def hear(self, text: str) -> Heard:
        text = unicodedata.normalize("NFC", text)
        heard = tokens(text)
        mended = [self._mend(token.word) for token in heard]
        words = tuple(word for word, _ in mended)
        mentions = self._slots.mentions(words)
        return Heard(
            text,
            heard,
            words,
            mentions,
            self._units(mended, ()),
            self._units(mended, mentions),
            negated(heard, self._small),
        )

    def best(self, heard: Heard) -> tuple[str | None, float]:
        """The intent whose example is most alike, and how alike it is: from 0 to 1.

        Of two that are equally alike, the one that names the value goes before the one that takes any.
        """
        intent, best = None, (0.0, False)
        for example in self._examples:
            by_words, by_slots = self._alike(example, heard.plain), self._alike(example, heard.annotated)
            alike = round(max(by_words, by_slots), 6)
            if heard.denies and not example.denies:
                alike *= _DENIED
            if (alike, by_words > by_slots) > best and (alike >= SURE or example.intent not in self._commands):
                intent, best = example.intent, (alike, by_words > by_slots)
        return intent, best[0]

    def says_only_slots(self, heard: Heard) -> bool:
        """Whether nothing but slot values and light words was said."""
        return bool(heard.mentions) and all(
            names[0].startswith("{") or names[0] in self._small.light for names, _ in heard.annotated.units
        )

    def _word_sets(self, texts: Sequence[str], fills: Container[str]) -> Iterator[frozenset[str]]:
        """Each example as it stands, and with its intent's slots in place of the values that it names."""
        for text in texts:
            words = _template(text)
            yield frozenset(words)
            slotted = set(words)
            for mention in (mention for mention in self._slots.mentions(words) if mention.slot in fills):
                slotted -= set(words[mention.start : mention.end])
                slotted.add(f"{{{mention.slot}}}")
            if slotted != set(words):
                yield frozenset(slotted)

    def _example(self, intent: str, words: frozenset[str]) -> _Example:
        core = frozenset(word for word in words - self._small.light - self._small.negators if not word.startswith("{"))
        return _Example(intent, words, core, sum(map(self._weight, words)), bool(words & self._small.negators))

    def _weight(self, word: str) -> float:
        light = word in self._small.light or word in self._small.negators
        return self._weights.get(word, _LIGHT if light else _UNKNOWN)

    def _units(self, mended: Sequence[tuple[str, float]], mentions: Sequence[Mention]) -> _Units:
        covered: dict[int, list[str]] = {}
        ends: dict[int, int] = {}
        for mention in mentions:
            covered.setdefault(mention.start, []).append(f"{{{mention.slot}}}")
            ends[mention.start] = mention.end
        found: dict[tuple[str, ...], float] = {}
        place = 0
        while place < len(mended):
            end = ends.get(place, place + 1)
            names = tuple(covered.get(place, (mended[place][0],)))
            found[names] = max(found.get(names, 0.0), min(sure for _, sure in mended[place:end]))
            place = end
        units = tuple((names, self._weight(names[0])) for names in found)
        sure = {name: certainty for names, certainty in found.items() for name in names}
        return _Units(sure, units, sum(weight for _, weight in units))

    def _alike(self, example: _Example, said: _Units) -> float:
        both = sum(self._weight(word) * said.sure[word] for word in example.words if word in said.sure)
        if not both or (example.core and example.core.isdisjoint(said.sure)):
            return 0.0
        taken = sum(weight for names, weight in said.units if any(name in example.words for name in names))
        return 1 / (_EXAMPLE_SHARE * example.total / both + (1 - _EXAMPLE_SHARE) * said.total / taken)

    def _mend(self, word: str) -> tuple[str, float]:
        """The known word that this one is likeliest to be, and how sure that is."""
        if word in self._known or len(word) < _STEM or word.isdigit():
            return word, 1.0
        best, least = word, _slips(word) + 1
        for shortened in _shortened(word):
            for known in self._near.get(shortened, ()):
                slips = _distance(word, known)
                if slips <= _slips(known) and (slips, known) < (least, best):
                    best, least = known, slips
        if best != word:
            return best, 1 - least / len(word)
        stems = [word[:length] for length in range(len(word) - 1, max(_STEM, len(word) - 4) - 1, -1)]
        return next(((stem, 0.8) for stem in stems if stem in self._known), (word, 1.0))


def _template(text: str) -> tuple[str, ...]:
    """The words of an example, slots as `{slot}`."""
    words: list[str] = []
    for number, part in enumerate(PLACEHOLDER.split(text)):
        words += [f"{{{part}}}"] if number % 2 else folded(part)
    return tuple(words)


def _weights(sets: Sequence[tuple[str, frozenset[str]]], small: SmallWords) -> dict[str, float]:
    users = Counter(word for _, word in {(intent, word) for intent, words in sets for word in words})
    intents = len({intent for intent, _ in sets})

    def weight(word: str, count: int) -> float:
        if word.startswith("{"):
            return _SLOT
        if word in small.light or word in small.negators:
            return _LIGHT
        return math.log(1 + intents / count) / math.log(1 + intents)

    return {word: weight(word, count) for word, count in users.items()}


def _slips(word: str) -> int:
    """Letters that may be wrong in a word of this length."""
    return 2 if len(word) >= 7 else 1


def _shortened(word: str) -> set[str]:
    """The word, and all that is left of it when as many letters are taken away as may be wrong."""
    found = {word}
    for _ in range(_slips(word)):
        found |= {shorter[:place] + shorter[place + 1 :] for shorter in found for place in range(len(shorter))}
    return found


def _neighbours(words: Iterable[str]) -> dict[str, list[str]]:
    """Known words by their shortened forms: two words that differ little have one in common."""
    near: dict[str, list[str]] = {}
    for word in words:
        for shortened in _shortened(word):
            near.setdefault(shortened, []).append(word)
    return near


def _distance(first: str, second: str) -> int:
    """Letters to add, drop or replace to make one word of the other."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(second, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != other))
    return row[-1]
