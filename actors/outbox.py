"""What one gateway should get from a shard, in order: all that comes in one go of the event loop leaves in one message."""

import asyncio

from actors.line import Line
from pipeline.notices import Notice

Delivery = Notice | bytes | None
"""What a caller should get: a notice, reply audio, or None when the conversation is over."""


class Outbox:
    """Bounded by pacing: a conversation puts no more in than its caller hears, and the line by what may wait on it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: list[tuple[int, Delivery]] = []

    def put(self, caller: int, delivery: Delivery) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append((caller, delivery))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._line.send(waiting)
