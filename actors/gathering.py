"""Natural batching: what came while somebody was busy goes out together, and nothing waits when nobody is busy."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")

_MOST_WAITING = 256


async def gathered(stream: AsyncGenerator[T, None]) -> AsyncGenerator[list[T], None]:
    """The items of a stream in lists, each with all that was there when it was asked for."""
    waiting: list[T] = []
    stirred = asyncio.Event()
    room = asyncio.Event()
    room.set()

    async def pump() -> None:
        try:
            async with aclosing(stream):
                async for item in stream:
                    waiting.append(item)
                    stirred.set()
                    if len(waiting) >= _MOST_WAITING:
                        room.clear()
                        await room.wait()
        finally:
            stirred.set()

    task = asyncio.create_task(pump())
    try:
        while True:
            await stirred.wait()
            stirred.clear()
            if waiting:
                items, waiting[:] = waiting.copy(), []
                room.set()
                yield items
            elif task.done():
                task.result()
                return
            if task.done():
                stirred.set()
    finally:
        task.cancel()


class Throttle:
    """Keeps a least time between two steps; after a longer pause the next step is free."""

    def __init__(self, interval_ms: float) -> None:
        self._interval = interval_ms / 1000
        self._next = 0.0

    async def __call__(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next:
            await asyncio.sleep(self._next - now)
        self._next = max(now, self._next) + self._interval
