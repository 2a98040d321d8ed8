import asyncio
from collections.abc import AsyncIterator

import pytest

from actors import gathering
from actors.gathering import Throttle, gathered
from tests.fakes.jumping_loop import run_jumping


class Source:
    """A stream whose items come when the test says so."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.taken = 0
        self.closed = asyncio.Event()

    async def stream(self) -> AsyncIterator[int]:
        try:
            while (item := await self.queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                self.taken += 1
                yield item
        finally:
            self.closed.set()

    def put(self, *items: int | Exception | None) -> None:
        for item in items:
            self.queue.put_nowait(item)


async def test_what_came_while_somebody_was_busy_goes_together() -> None:
    source = Source()
    lists = gathered(source.stream())
    source.put(1)
    assert await anext(lists) == [1]
    source.put(2, 3, 4)
    await asyncio.sleep(0)  # what is there is taken on the next turn of the loop
    assert await anext(lists) == [2, 3, 4]
    source.put(5, None)
    assert [items async for items in lists] == [[5]]


async def test_an_item_waits_for_no_other() -> None:
    source = Source()
    lists = gathered(source.stream())
    waiting = asyncio.create_task(anext(lists))
    await asyncio.sleep(0)
    source.put(1)
    assert await waiting == [1]
    await lists.aclose()


async def test_a_stream_without_items() -> None:
    source = Source()
    source.put(None)
    assert [items async for items in gathered(source.stream())] == []


async def test_a_failure_comes_after_the_items_before_it() -> None:
    source = Source()
    source.put(1, 2, ValueError("enough"))
    lists = gathered(source.stream())
    assert await anext(lists) == [1, 2]
    with pytest.raises(ValueError, match="enough"):
        await anext(lists)


async def test_a_slow_taker_holds_up_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_MOST_WAITING", 4)
    source = Source()
    source.put(*range(10), None)
    lists = gathered(source.stream())
    taken = [(await anext(lists), source.taken)]
    for _ in range(20):
        await asyncio.sleep(0)  # as often as it likes
    assert source.taken <= 8
    rest = [items async for items in lists]
    assert [*taken[0][0], *(item for items in rest for item in items)] == list(range(10))
    assert max(len(items) for items in rest) <= 4


async def test_who_leaves_early_closes_the_stream() -> None:
    source = Source()
    lists = gathered(source.stream())
    source.put(1)
    await anext(lists)
    await lists.aclose()
    async with asyncio.timeout(5):
        await source.closed.wait()


def test_a_throttle_keeps_steps_apart_and_lets_one_through_at_once_after_a_pause() -> None:
    async def job() -> list[int]:
        loop = asyncio.get_running_loop()
        throttle = Throttle(20)
        times: list[int] = []
        for pause_ms in (0, 0, 0, 5, 15, 50, 0):
            await asyncio.sleep(pause_ms / 1000)
            await throttle()
            times.append(round(loop.time() * 1000))
        return times

    assert run_jumping(job) == [0, 20, 40, 60, 80, 130, 150]


def test_a_throttle_of_nothing_never_waits() -> None:
    async def job() -> float:
        throttle = Throttle(0)
        for _ in range(100):
            await throttle()
        return asyncio.get_running_loop().time()

    assert run_jumping(job) == 0
