"""When gathered audio goes to transcription before its turn has ended.

Long speech is sent off in pieces, so that memory is bounded and the last piece is short when the turn ends. In order: at a
pause once there is enough; by count without a pause; and, when even that was not possible because the piece before is still
under way, at the emergency mark whatever is under way. Past that, the ear drops the oldest audio and counts it.
"""

from dataclasses import dataclass
from enum import Enum, auto

from pipeline.audio import to_samples
from pipeline.config import Buffering
from pipeline.ports import LISTENING_RATE


class Flush(Enum):
    """Why a piece is sent off now."""

    PAUSE = auto()
    COUNT = auto()
    EMERGENCY = auto()


@dataclass(slots=True)
class Gathered:
    """Counts what has come since the last piece was sent off."""

    rules: Buffering
    samples: int = 0
    chunks: int = 0

    def add(self, samples: int) -> None:
        self.samples += samples
        self.chunks += 1

    def due(self, *, paused: bool, under_way: bool) -> Flush | None:
        """`paused`: the caller draws breath; `under_way`: the piece before has not come back yet."""
        if self.chunks >= self.rules.emergency_chunks:
            return Flush.EMERGENCY
        if under_way or self.samples < to_samples(self.rules.min_ms, LISTENING_RATE):
            return None
        if paused and self.samples >= to_samples(self.rules.flush_ms, LISTENING_RATE):
            return Flush.PAUSE
        if self.chunks >= self.rules.flush_chunks:
            return Flush.COUNT
        return None

    def flushed(self) -> None:
        self.samples = 0
        self.chunks = 0
