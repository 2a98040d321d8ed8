"""The sentences that a caller may say next, for a speech grammar.

A grammar hears only what is in it, and hears it even when something else was said. So an example with a slot is in it with all
values of the slot or not at all: half of the days would turn the other half into wrong days. What does not fit is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product, zip_longest

from pipeline.flow_schema import PLACEHOLDER, FlowFile, Slot
from pipeline.flow_words import small_words, spoken

MOST = 120
"""Sentences at most: more make a grammar slow and easy to mishear."""


class Grammar:
    """Makes the lists of a flow in one language."""

    def __init__(self, file: FlowFile, language: str) -> None:
        self._file = file
        self._language = language
        small = small_words(language)
        self._answers = [*small.yes_sentences, *small.no_sentences]
        self._commands = [*small.hello, *small.goodbye, *small.nothing_else, *small.drop, *small.repeat]

    def idle(self, last_intent: str | None) -> tuple[str, ...]:
        """Any intent, or the last one again with another value, as in `and on Sunday?`."""
        again = self._carried(self._file.intents[last_intent].slots) if last_intent else iter(())
        return _gather([self._commands, *again, *self._examples(), self._answers])

    def slot(self, slot: str) -> tuple[str, ...]:
        bare = _wordings(self._file.slots[slot], self._language)[:MOST]
        return _gather([bare, self._commands, *self._carried((slot,)), *self._examples()])

    def confirmation(self, intent: str) -> tuple[str, ...]:
        return _gather([self._answers, self._commands, *self._carried(self._file.intents[intent].slots), *self._examples()])

    def offer(self) -> tuple[str, ...]:
        return _gather([self._answers, self._commands, *self._examples()])

    def _examples(self) -> Iterator[list[str]]:
        """Examples of all intents in turn, those without slots first: they cost one sentence each."""
        intents = [intent.examples[self._language] for intent in self._file.intents.values()]
        in_turn = [example for row in zip_longest(*intents) for example in row if example]
        for example in sorted(in_turn, key=lambda example: bool(PLACEHOLDER.search(example))):
            yield _expand(example, self._file.slots, self._language)

    def _carried(self, slots: Sequence[str]) -> Iterator[list[str]]:
        for slot in slots:
            for carrier in self._file.slots[slot].carriers.get(self._language, ()):
                yield _expand(carrier, self._file.slots, self._language)


def _gather(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Groups in order of weight, each as a whole or not at all."""
    kept: dict[str, None] = {}
    for group in groups:
        with_group = kept | {sentence: None for sentence in map(spoken, group) if sentence}
        if len(with_group) <= MOST:
            kept = with_group
    return tuple(kept)


def _wordings(slot: Slot, language: str, spoken_only: bool = False) -> list[str]:
    if slot.pattern:
        return list(slot.likely.get(language, ()))
    return [wording for value in slot.values.values() for wording in value[language][: 1 if spoken_only else None]]


def _expand(sentence: str, slots: Mapping[str, Slot], language: str) -> list[str]:
    """The sentence with each value of its slots: in all wordings for one slot, in the spoken one for several."""
    pieces = PLACEHOLDER.split(sentence)
    several = len(pieces) > 3
    parts: list[list[str]] = []
    for number, piece in enumerate(pieces):
        parts.append(_wordings(slots[piece], language, several) if number % 2 else [piece])
    size = 1
    for part in parts:
        size *= len(part)
    return ["".join(chosen) for chosen in product(*parts)] if size <= MOST else []
