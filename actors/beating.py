"""Signs of life: whoever waits for a stage can tell a replica that is at work from one that is frozen."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

BEAT_S = 0.5

T = TypeVar("T")


class _End:
    """The end of a stream."""


_END = _End()


async def beating(items: AsyncGenerator[T, None], every_s: float = BEAT_S) -> AsyncGenerator[T | None, None]:
    """The items, and None whenever there was none for a while."""
    coming: asyncio.Task[T | _End] | None = None
    try:
        while True:
            coming = asyncio.create_task(_next(items))
            while not (await asyncio.wait((coming,), timeout=every_s))[0]:
                yield None
            item = coming.result()
            if isinstance(item, _End):
                return
            yield item
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await items.aclose()


async def _next(items: AsyncGenerator[T, None]) -> T | _End:
    return await anext(items, _END)
