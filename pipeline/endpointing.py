"""Where speech begins and ends, from the probability that each window holds speech.

Two thresholds, so that a wavering probability does not flicker. A beginning needs `min_speech_ms` of speech; an end needs
`silence_ms` of silence, counted from the middle of the last window with speech, where speech stops on average.
"""

from dataclasses import dataclass

from pipeline.audio import to_samples
from pipeline.config import Turn
from pipeline.ports import LISTENING_RATE


@dataclass(frozen=True, slots=True)
class Began:
    at: int
    """Position of the first sample of speech."""


@dataclass(frozen=True, slots=True)
class Ended:
    at: int
    """Position after the last sample of speech."""
    decided_at: int
    """Position up to which audio was needed to be sure."""


class Endpointer:
    """Takes a probability a window, in order, and says when something began or ended."""

    def __init__(self, rules: Turn, hop: int, window: int) -> None:
        self._rules = rules
        self._hop = hop
        self.position = window - hop
        """Up to where the audio has been judged, in samples."""
        self._min_speech = to_samples(rules.min_speech_ms, LISTENING_RATE)
        self._silence = to_samples(rules.silence_ms, LISTENING_RATE)
        self.speaking = False
        self._speech_from: int | None = None
        self._last_speech = 0

    @property
    def silent_for(self) -> int:
        """Samples since speech was last heard, while a caller is speaking."""
        return self.position - self._last_speech

    def skip(self, windows: int) -> None:
        """So many windows will never be judged: their audio is gone."""
        self.position += windows * self._hop

    def push(self, probability: float) -> Began | Ended | None:
        start = self.position
        self.position = now = start + self._hop
        if probability >= self._rules.threshold or (self.speaking and probability >= self._rules.release_threshold):
            self._last_speech = start + self._hop // 2
            if self._speech_from is None:
                self._speech_from = start
            if not self.speaking and now - self._speech_from >= self._min_speech:
                self.speaking = True
                return Began(self._speech_from)
            return None
        if not self.speaking:
            # A little that is neither may stand within a beginning; for long, it is no beginning.
            if probability < self._rules.release_threshold or now - self._last_speech >= self._min_speech:
                self._speech_from = None
            return None
        if now - self._last_speech < self._silence:
            return None
        self.speaking = False
        self._speech_from = None
        return Ended(self._last_speech, now)
