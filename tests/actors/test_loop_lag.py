import asyncio
from typing import cast

import pytest

from actors.loop_lag import LoopLag
from tests.fakes.fake_time import run_in_fake_time
from tests.fakes.jumping_loop import JumpingLoop


async def stall(seconds: float) -> None:
    """From one look to the next, which the loop is too busy to make in time."""
    await asyncio.sleep(0.45)
    cast(JumpingLoop, asyncio.get_running_loop()).now += 0.05 + seconds
    for _ in range(2):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("stalls_s", "expected_ms"),
    [
        ([], 0),
        ([0.3], 0),
        ([0.3, 0.2], 200),
        ([0.3, 0.4, 0.2], 300),
        ([1.2], 1200),
    ],
)
def test_a_lag_counts_when_it_lasts(stalls_s: list[float], expected_ms: float) -> None:
    async def job() -> float:
        lag = LoopLag()
        lag.start()
        lag.start()
        await asyncio.sleep(2.0)
        for seconds in stalls_s:
            await stall(seconds)
        return lag.ms

    assert run_in_fake_time(job) == pytest.approx(expected_ms)


def test_an_old_lag_says_nothing_of_now() -> None:
    async def job() -> list[float]:
        lag = LoopLag()
        lag.start()
        await stall(2.0)
        seen = lag.ms
        await asyncio.sleep(10.0)
        return [seen, lag.ms]

    assert run_in_fake_time(job) == pytest.approx([2000, 0])
