"""How much silence ends a turn: a fixed time, or a time that follows the words so far and the speaker's own pauses.

A complete sentence needs little, 'and' or 'um' needs much, and who makes long pauses inside sentences is granted longer ones. A
voice that ends low makes an end likelier, most where the words tell little. No words are needed to decide: until they are known
it is the usual silence, or what the voice makes of it. A model that has an opinion gets a vote; none is required.
"""

from collections.abc import Sequence
from typing import Protocol

from pipeline.completeness import UNKNOWN, Pauses, completeness, silence_needed
from pipeline.config import Turn
from pipeline.ports import Transcript

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
        self._lowering: float | None = None
        self.silence_ms = rules.silence_ms
        """What ends the present turn."""

    @property
    def pauses(self) -> tuple[int, ...]:
        """The caller's own pauses, which another one may take over."""
        return self._pauses.recent

    def know_pauses(self, pauses: tuple[int, ...]) -> None:
        self._pauses.recent = pauses

    @property
    def follows_words(self) -> bool:
        return self._rules.detection == "semantic_vad"

    def words(
        self, text: str, newest: Transcript, language: str, expected: Sequence[str], spoken_s: float | None = None
    ) -> float:
        """The words up to a pause are known, and the last of them newly; says how complete they look, and sets the silence.

        `spoken_s` is when, in the newest words' audio, the last sound was.
        """
        complete = completeness(text, language, expected)
        if complete > UNKNOWN:
            complete = UNKNOWN + (complete - UNKNOWN) * _trust(newest, spoken_s)
        if self._model is not None:
            complete = (complete + self._model.completeness(text, language)) / 2
        self._judge(complete)
        return complete

    def paused(self, lowering: float | None, *, patiently: bool = False) -> None:
        """The caller pauses, and the voice ended so many semitones below its usual pitch; no words are known yet.

        Patience is for audio that is heard again, faster than its words become known: they decide, and not the silence.
        """
        self._lowering = lowering if self._rules.melody else None
        self._judge(0.0 if patiently else UNKNOWN)

    def went_on(self, pause_ms: int) -> None:
        """The caller made a pause and went on."""
        if self.follows_words:
            self._pauses.add(pause_ms)
        self.no_words()

    def no_words(self) -> None:
        """Nothing is known of what comes before the present silence."""
        self._lowering = None
        self._judge(UNKNOWN)

    def _judge(self, complete: float) -> None:
        rules = self._rules
        if not self.follows_words:
            return
        complete = _weighed(complete, self._lowering)
        needed = silence_needed(complete, rules.shortest_silence_ms, rules.silence_ms, rules.longest_silence_ms)
        paced = needed * _PACE[rules.eagerness] * self._pauses.allowance(rules.silence_ms)
        self.silence_ms = round(min(max(paced, rules.pause_ms), _CEILING_MS[rules.eagerness]))


def _weighed(complete: float, lowering: float | None) -> float:
    """The voice changes the odds: where words are sure it says little, and most where they say nothing."""
    if lowering is None:
        return complete
    share = min(1.0, max(0.0, (lowering - _LEVEL) / (_LOW - _LEVEL)))
    odds = _STAYED * (_FELL / _STAYED) ** share
    return complete * odds / (complete * odds + 1 - complete)


def _trust(newest: Transcript, spoken_s: float | None) -> float:
    """How far words count that look complete: not when the recogniser doubts them, heard none, or placed them oddly.

    A recogniser that knows what to expect hears the end of a sentence in its beginning: it finds no time for the last word, or
    leaves sound without words after it.
    """
    if not newest.text:
        return 0.0
    if newest.words and spoken_s is not None:
        last = newest.words[-1]
        letters = sum(map(str.isalnum, last.text))
        if spoken_s - last.start_s < _LETTER_S * letters or spoken_s - last.end_s > _UNHEARD_S:
            return 0.0
    if newest.confidence is None:
        return 1.0
    return min(1.0, max(0.0, (newest.confidence - _DOUBTED) / (_TRUSTED - _DOUBTED)))


_LETTER_S = 0.045
"""Nobody speaks faster: seconds of a letter at the end of a sentence."""
_UNHEARD_S = 0.25
"""Sound after the last word that must have been another one."""
_DOUBTED, _TRUSTED = 0.7, 0.95
"""Confidences of a recogniser at which its words count for nothing, and in full."""
_LEVEL, _LOW = 1.0, 3.5
"""Semitones that say nothing, and that say all."""
_STAYED, _FELL = 0.8, 3.0
"""How much likelier a turn's end is after a voice that stayed where it was, and after one that fell."""
