"""What one caller said, kept just as long as somebody may still need it, and cut into windows of equal size.

One array holds the audio; windows and utterances are slices of it. Positions are samples since the conversation began, so
they stay true when old audio is let go. Windows advance by size less overlap.
"""

import numpy as np

from pipeline.ports import Samples

_FIRST_CAPACITY = 16_000


class CallerAudio:
    """A growing array with a forgotten past."""

    def __init__(self, window: int, overlap: float = 0.0) -> None:
        self._window = window
        self._hop = round(window * (1 - overlap))
        self._data: Samples = np.empty(_FIRST_CAPACITY, np.int16)
        self._base = 0
        self.received = 0
        """Position after the newest sample."""
        self._cursor = 0

    def begin_at(self, position: int) -> None:
        """Audio before this position never came here."""
        self._base = self._cursor = self.received = position

    @property
    def held(self) -> int:
        """Samples that are still kept."""
        return self.received - self._base

    def append(self, samples: Samples) -> None:
        end = self.received - self._base + len(samples)
        if end > len(self._data):
            grown: Samples = np.empty(max(end, 2 * len(self._data)), np.int16)
            grown[: self.held] = self._data[: self.held]
            self._data = grown
        self._data[end - len(samples) : end] = samples
        self.received += len(samples)

    def next_window(self) -> Samples | None:
        """The next window that is complete, as a view that holds until the next call of any method."""
        start = self._cursor - self._base
        if start + self._window > self.held:
            return None
        self._cursor += self._hop
        return self._data[start : start + self._window]

    def windows_ready(self) -> int:
        """How many windows `next_window` would give now."""
        missing = self.received - self._cursor - self._window
        return missing // self._hop + 1 if missing >= 0 else 0

    def cut(self, start: int, stop: int) -> Samples:
        """A copy of what lies between two positions, as far as it has come and is still kept."""
        first = max(start - self._base, 0)
        return self._data[first : max(min(stop, self.received) - self._base, first)].copy()

    def forget(self, before: int) -> None:
        """Lets audio go, except what the next window needs."""
        # Moving is cheap but not free: wait until most of the array is of no use.
        if min(before, self._cursor) - self._base >= len(self._data) // 2:
            self._move(min(before, self._cursor))

    def drop(self, samples: int) -> int:
        """Lets the oldest audio go at once, with windows that nobody took; says how many samples went."""
        before = self._base
        keep_from = min(self._base + samples, self.received)
        while self._cursor < keep_from:
            self._cursor += self._hop
        self._move(min(keep_from, self._cursor))
        return self._base - before

    def _move(self, keep_from: int) -> None:
        gone = keep_from - self._base
        kept = self._data[gone : self.received - self._base]
        if len(self._data) > 4 * _FIRST_CAPACITY and len(kept) <= _FIRST_CAPACITY:
            small: Samples = np.empty(_FIRST_CAPACITY, np.int16)
            small[: len(kept)] = kept
            self._data = small
        else:
            self._data[: len(kept)] = kept.copy() if gone < len(kept) else kept
        self._base = keep_from
