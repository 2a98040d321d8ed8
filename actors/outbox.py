"""What one gateway should get from a shard, in order, carried by the answers to its own messages.

The answer to a message is held back until there is something to carry, or until the gateway's next message comes, whose answer
is then held back instead. So news leave at once, and a call is spent only on what the gateway has to say anyway.
"""

import asyncio
import time

from pipeline.notices import Notice

Delivery = Notice | bytes | None
"""What a caller should get: a notice, reply audio, or None when the conversation is over."""

_LONGEST_HOLD_S = 5.0


class Outbox:
    """Bounded by pacing: a conversation puts no more in than its caller hears, and ends when its gateway falls silent."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Delivery]] = []
        self._holder: asyncio.Future[None] | None = None
        self._seen_at = time.monotonic()

    @property
    def silent_for_s(self) -> float:
        """How long the gateway has not been heard of."""
        return time.monotonic() - self._seen_at

    def put(self, caller: int, delivery: Delivery) -> None:
        self._waiting.append((caller, delivery))
        self._release()

    async def answer(self) -> list[tuple[int, Delivery]]:
        """Everything that waits, as soon as there is something or the next message has come."""
        self._release()
        self._seen_at = time.monotonic()
        if not self._waiting:
            holder = self._holder = asyncio.get_running_loop().create_future()
            timer = asyncio.get_running_loop().call_later(_LONGEST_HOLD_S, self._release)
            await holder
            timer.cancel()
        answer, self._waiting = self._waiting, []
        return answer

    def _release(self) -> None:
        holder, self._holder = self._holder, None
        # Whoever asked may be gone.
        if holder is not None and not holder.done():
            holder.set_result(None)
