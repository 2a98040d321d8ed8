"""A lull: a caller of whom hardly anything is heard, as nobody speaks there or the microphone is off.

Each message wakes a shard and its VAD actor, and a caller sends fifty a second. After two seconds in which nothing was as loud
as speech, audio may wait for what comes next, and goes together with it. What is louder takes all of it along at once, so that
speech is heard as soon as ever; what is faint waits for a tenth of a second at most.
"""

import numpy as np

from pipeline.audio import to_samples
from pipeline.ports import LISTENING_RATE

_FAINT = 100
"""Largest sample, of 32 767, of what may wait: 50 dB below the loudest, where rooms are and speech is not."""
_AFTER = to_samples(2_000, LISTENING_RATE)
"""Faint samples until a lull begins; turns end in a shorter pause, and their ends must not wait."""
_MOST = to_samples(100, LISTENING_RATE)
"""Samples that go together."""


class Lull:
    """Of one caller."""

    def __init__(self) -> None:
        self._faint = self._held = 0

    def holds(self, pcm: bytes) -> bool:
        """Whether this audio may wait for the next."""
        samples = np.frombuffer(pcm, np.int16)
        if samples.max() > _FAINT or samples.min() < -_FAINT:
            self._faint = self._held = 0
            return False
        self._faint += len(samples)
        if self._faint <= _AFTER:
            return False
        self._held += len(samples)
        if self._held < _MOST:
            return True
        self._held = 0
        return False
