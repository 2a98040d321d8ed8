"""A recording in pieces that a recogniser can take: each is cut where the voice rests, in the last part of the longest piece.

Audio comes in blocks and leaves as soon as a piece is whole, so that never more than a piece and a block is held.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.audio import to_samples
from pipeline.ports import LISTENING_RATE, Samples

REST_MS = 300
"""Milliseconds over which a place must be quiet: longer than the closure of a consonant, shorter than most pauses."""
FRAME = to_samples(10, LISTENING_RATE)
EARLIEST = 0.7
"""Share of the longest piece before which nothing is cut."""
FAINT = 60
"""A peak no louder than this is silence (-55 dB)."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    samples: Samples
    start_s: float
    """Where it begins in the recording."""

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / LISTENING_RATE

    @property
    def silent(self) -> bool:
        return int(np.abs(self.samples.astype(np.int32)).max(initial=0)) <= FAINT


class Cutter:
    def __init__(self, longest_s: float) -> None:
        self._longest = int(longest_s * LISTENING_RATE)
        self._held = np.empty(0, np.int16)
        self._start = 0

    def push(self, samples: Samples) -> list[Piece]:
        """The pieces that are whole now."""
        self._held = np.concatenate([self._held, samples])
        pieces: list[Piece] = []
        while len(self._held) > self._longest:
            pieces.append(self._take(self._quietest()))
        return pieces

    def finish(self) -> list[Piece]:
        """What is left at the end, if anything is."""
        return [self._take(len(self._held))] if len(self._held) else []

    def _take(self, length: int) -> Piece:
        piece = Piece(self._held[:length].copy(), self._start / LISTENING_RATE)
        self._held = self._held[length:].copy()
        self._start += length
        return piece

    def _quietest(self) -> int:
        """The middle of the quietest rest that a cut may be in."""
        earliest = int(self._longest * EARLIEST)
        frames = (self._longest - earliest) // FRAME
        heard = self._held[earliest : earliest + frames * FRAME].astype(np.float64).reshape(frames, FRAME)
        rest = min(frames, to_samples(REST_MS, LISTENING_RATE) // FRAME)
        energy = np.convolve(np.square(heard).sum(axis=1), np.ones(rest), "valid")
        return earliest + (int(np.argmin(energy)) + rest // 2) * FRAME
