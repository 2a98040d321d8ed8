import asyncio
from collections.abc import AsyncGenerator

import pytest

from actors.beating import beating
from tests.fakes.fake_time import run_in_fake_time


class Slow:
    """Two items, each a while after the other."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.closed = False

    async def items(self) -> AsyncGenerator[str, None]:
        try:
            yield "at once"
            await asyncio.sleep(1.2)
            yield "later"
            if self.fails is not None:
                raise self.fails
        finally:
            self.closed = True


def test_a_sign_of_life_for_each_half_second_without_an_item() -> None:
    async def job() -> list[tuple[float, str | None]]:
        now = asyncio.get_running_loop().time
        began = now()
        return [(round(now() - began, 3), item) async for item in beating(Slow().items())]

    assert run_in_fake_time(job) == [(0, "at once"), (0.5, None), (1.0, None), (1.2, "later")]


def test_what_fails_fails() -> None:
    async def job() -> None:
        slow = Slow(ValueError("odd"))
        with pytest.raises(ValueError, match="odd"):
            assert [item async for item in beating(slow.items(), 9)] == ["at once", "later"]
        assert slow.closed is True

    run_in_fake_time(job)


def test_who_leaves_closes_it() -> None:
    async def job() -> None:
        slow = Slow()
        items = beating(slow.items())
        assert [await anext(items), await anext(items)] == ["at once", None]
        await items.aclose()
        assert slow.closed is True

    run_in_fake_time(job)
