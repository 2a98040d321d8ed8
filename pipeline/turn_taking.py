"""How much silence ends a turn: a fixed time, or a time that follows the words so far and the speaker's own pauses.

A complete sentence needs little, 'and' or 'um' needs much, and who makes long pauses inside sentences is granted longer ones.
No words are needed to decide: without them it is the usual silence. A model that has an opinion gets a vote; none is required.
"""

from collections.abc import Sequence
from typing import Protocol

from pipeline.completeness import Pauses, completeness, silence_needed
from pipeline.config import Turn

_PACE = {"low": 1.5, "medium": 1.0, "high": 0.7, "auto": 1.0}
_CEILING_MS = {"low": 8_000, "medium": 4_000, "high": 2_000, "auto": 4_000}


class TurnModel(Protocol):
    """A further vote on whether the caller has finished."""

    def completeness(self, text: str, language: str) -> float:
        """From 0, surely goes on, to 1, surely finished."""
        ...


class TurnTaking:
    """The silence that one caller needs now."""

    def __init__(self, rules: Turn, model: TurnModel | None = None) -> None:
        self._rules = rules
        self._model = model
        self._pauses = Pauses()
        self.silence_ms = rules.silence_ms
        """What ends the present turn."""

    @property
    def follows_words(self) -> bool:
        return self._rules.detection == "semantic_vad"

    def words(self, text: str, language: str, expected: Sequence[str]) -> float:
        """The words up to a pause are known; says how complete they look, and sets the silence that they need."""
        complete = completeness(text, language, expected)
        if self._model is not None:
            complete = (complete + self._model.completeness(text, language)) / 2
        if self.follows_words:
            rules = self._rules
            needed = silence_needed(complete, rules.shortest_silence_ms, rules.silence_ms, rules.longest_silence_ms)
            self.silence_ms = self._bounded(needed)
        return complete

    def went_on(self, pause_ms: int) -> None:
        """The caller made a pause and went on."""
        if self.follows_words:
            self._pauses.add(pause_ms)
        self.no_words()

    def no_words(self) -> None:
        """Nothing is known of the words before the present silence."""
        self.silence_ms = self._bounded(self._rules.silence_ms) if self.follows_words else self._rules.silence_ms

    def _bounded(self, ms: float) -> int:
        paced = ms * _PACE[self._rules.eagerness] * self._pauses.allowance(self._rules.silence_ms)
        return round(min(max(paced, self._rules.pause_ms), _CEILING_MS[self._rules.eagerness]))
