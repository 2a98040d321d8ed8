"""Where speech begins, pauses, goes on and ends, from the probability that each window holds speech.

Two thresholds, so that a wavering probability does not flicker. A beginning needs `min_speech_ms` of speech; a pause comes
after `pause_ms` of silence, and an end after as much as the conversation finds right at the time. Silence is counted from the
middle of the last window with speech, where speech stops on average. One window of sound ends no pause: a click does not.
"""

from dataclasses import dataclass

from pipeline.audio import to_ms, to_samples
from pipeline.config import Turn
from pipeline.ports import LISTENING_RATE

_GOES_ON = 2
"""Windows of speech in a row that end a pause."""


@dataclass(frozen=True, slots=True)
class Began:
    at: int
    """Position of the first sample of speech."""


@dataclass(frozen=True, slots=True)
class Paused:
    at: int
    """Position after the last sample of speech."""


@dataclass(frozen=True, slots=True)
class Resumed:
    after_ms: int
    """How long the pause was."""


@dataclass(frozen=True, slots=True)
class Ended:
    at: int
    """Position after the last sample of speech."""


Change = Began | Paused | Resumed | Ended


class Endpointer:
    """Takes a probability a window, in order, and says what changed."""

    def __init__(self, rules: Turn, hop: int, window: int) -> None:
        self._hop = hop
        self.position = window - hop
        """Up to where the audio has been judged, in samples."""
        self.adjust(rules)
        self.silence = to_samples(rules.silence_ms, LISTENING_RATE)
        """Samples of silence that end speech; may be changed at any time."""
        self.speaking = False
        self._speech_from: int | None = None
        self._last_speech = 0
        self._paused_at: int | None = None
        self._again = 0

    def adjust(self, rules: Turn) -> None:
        """Other rules from now on, except for the silence that ends speech."""
        self._threshold, self._release = rules.threshold, rules.release_threshold
        self._min_speech = to_samples(rules.min_speech_ms, LISTENING_RATE)
        self._pause = to_samples(rules.pause_ms, LISTENING_RATE)

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    @property
    def spoken(self) -> int:
        """Samples since speech began."""
        return 0 if self._speech_from is None else self.position - self._speech_from

    def begin_at(self, position: int, *, speaking: bool) -> None:
        """What came before was judged elsewhere; `speaking` when speech goes on there."""
        self.position = position
        if speaking:
            self.speaking, self._speech_from, self._last_speech = True, position, position

    def skip(self, windows: int) -> None:
        """So many windows will never be judged: their audio is gone."""
        self.position += windows * self._hop

    def push(self, probability: float) -> Change | None:
        start = self.position
        self.position = start + self._hop
        if probability >= self._threshold or (self.speaking and probability >= self._release):
            return self._speech(start)
        if self.speaking:
            return self._silence()
        # A little that is neither may stand within a beginning; for long, it is no beginning.
        if probability < self._release or self.position - self._last_speech >= self._min_speech:
            self._speech_from = None
        return None

    def settle(self) -> Ended | None:
        """The end of speech, when as much silence as is needed has passed already."""
        if not self.speaking or self._paused_at is None or self.position - self._last_speech < self.silence:
            return None
        self.speaking = False
        self._speech_from = self._paused_at = None
        return Ended(self._last_speech)

    def _speech(self, start: int) -> Began | Resumed | None:
        if self._speech_from is None:
            self._speech_from = start
        if self._paused_at is not None:
            self._again += 1
            if self._again < _GOES_ON:
                return None
        self._last_speech = start + self._hop // 2
        if not self.speaking:
            if self.position - self._speech_from < self._min_speech:
                return None
            self.speaking = True
            return Began(self._speech_from)
        if self._paused_at is None:
            return None
        silent = start - (_GOES_ON - 1) * self._hop - self._paused_at
        self._paused_at = None
        return Resumed(to_ms(max(silent, 0), LISTENING_RATE))

    def _silence(self) -> Paused | Ended | None:
        self._again = 0
        if self._paused_at is not None:
            return self.settle()
        if self.position - self._last_speech < self._pause:
            return None
        self._paused_at = self._last_speech
        return Paused(self._last_speech)
