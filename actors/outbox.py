"""What one gateway should get from a shard, in order: all that comes in one go of the event loop leaves in one message."""

import asyncio
from collections import deque
from typing import NamedTuple

from actors.line import Line
from pipeline.journal import Snapshot
from pipeline.manner import Manner
from pipeline.notices import Notice


class Rejoined(NamedTuple):
    """A caller who came back has their conversation again."""

    manner: Manner
    flow: str
    position: int
    """Audio that was received, in samples."""
    events: int
    """Events that were taken."""
    generation: int
    """How often it has moved to another shard."""


class NotHere(NamedTuple):
    """This shard holds no such conversation, or not for whoever asks."""


class Progress(NamedTuple):
    """Nothing has changed since the last snapshot, and what a caller said before this is not needed any more."""

    position: int
    events: int


class Lag(NamedTuple):
    """How late this shard answers."""

    ms: float


ALL = 0
"""Who gets what is for no caller in particular."""
ForClient = Notice | bytes | None
"""What a caller should get: a notice, reply audio, or None when the conversation is over."""
Delivery = ForClient | Snapshot | Rejoined | NotHere | Progress | Lag
"""What a gateway gets for a caller."""


_MOST_MISSED = 64


class Outbox:
    """Bounded by pacing: a conversation puts no more in than its caller hears, and the line by what may wait on it."""

    def __init__(self, line: Line | None) -> None:
        """Without a line nobody gets it: the caller went away, and may come back."""
        self._line = line
        self._waiting: list[tuple[int, Delivery]] = []
        self._missed: deque[Notice] = deque(maxlen=_MOST_MISSED)

    def put(self, caller: int, delivery: Delivery) -> None:
        if self._line is None:
            if not isinstance(delivery, bytes | tuple | Snapshot | None):
                self._missed.append(delivery)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append((caller, delivery))

    def missed(self) -> list[Notice]:
        """What was told while nobody was there to hear it."""
        return list(self._missed)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._line is not None:
            self._line.send(waiting)
