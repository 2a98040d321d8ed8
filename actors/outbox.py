"""What one gateway should fetch from a shard: everything that has gathered since it last did, in order."""

import asyncio
import time

from actors.gathering import Throttle
from pipeline.notices import Notice

Delivery = Notice | bytes | None
"""What a caller should get: a notice, reply audio, or None when the conversation is over."""

_LONGEST_WAIT_S = 5.0


class Outbox:
    """Bounded by pacing: a conversation puts no more in than its caller hears, and ends when nobody fetches."""

    def __init__(self, tick_ms: float) -> None:
        self._waiting: list[tuple[int, Delivery]] = []
        self._stirred = asyncio.Event()
        self._throttle = Throttle(tick_ms)
        self._fetched_at = time.monotonic()

    def put(self, caller: int, delivery: Delivery) -> None:
        self._waiting.append((caller, delivery))
        self._stirred.set()

    async def fetch(self) -> list[tuple[int, Delivery]]:
        """Waits until there is something, but not for ever."""
        self._fetched_at = time.monotonic() + _LONGEST_WAIT_S
        if not self._waiting:
            self._stirred.clear()
            try:
                async with asyncio.timeout(_LONGEST_WAIT_S):
                    await self._stirred.wait()
            except TimeoutError:
                return []
        await self._throttle()
        fetched, self._waiting = self._waiting, []
        self._fetched_at = time.monotonic()
        return fetched

    @property
    def unfetched_for_s(self) -> float:
        return time.monotonic() - self._fetched_at
