"""Who comes in when the server is late, and how many at a time."""

import asyncio
from typing import cast

import pytest

from actors.loop_lag import LoopLag
from gateway.admission import Admission
from pipeline.errors import ServerError
from pipeline.loading import load_config
from tests.fakes.fake_time import run_in_fake_time
from tests.fakes.jumping_loop import JumpingLoop

CONFIG = load_config(None, ["server.most_lag_ms=120"], {})


def admits(admission: Admission, lates_ms: list[float], callers: int = 0) -> bool:
    try:
        admission.check(lates_ms, callers)
    except ServerError:
        return False
    return True


def come(admission: Admission, late_ms: float, inside: int, knocking: int) -> int:
    """How many of those who knock at one moment come in."""
    came = 0
    for _ in range(knocking):
        came += admits(admission, [late_ms], inside + came)
    return came


@pytest.mark.parametrize(
    ("lates_ms", "expected"),
    [
        ([], True),
        ([20.0], True),
        ([119.0], True),
        ([121.0], False),
        ([500.0, 30.0], True),
        ([500.0, 300.0], False),
    ],
)
def test_a_conversation_begins_where_it_is_not_late(lates_ms: list[float], expected: bool) -> None:
    assert admits(Admission(CONFIG, LoopLag()), lates_ms) is expected


def test_who_is_turned_away_hears_when_to_come_back() -> None:
    with pytest.raises(ServerError, match=r"try again in 5 s \[server_busy\]") as caught:
        Admission(CONFIG, LoopLag()).check([900.0], 0)
    assert caught.value.retry_after_s == 5


@pytest.mark.parametrize(
    ("late_ms", "inside", "expected"),
    [
        (0.0, 0, 110),
        (60.0, 0, 110),
        (60.0, 500, 110),
        (61.0, 0, 1),
        (61.0, 200, 20),
        (90.0, 200, 10),
        (114.0, 200, 2),
        (119.9, 200, 1),
        (120.1, 200, 0),
    ],
)
def test_the_later_it_is_the_fewer_come_in_at_once(late_ms: float, inside: int, expected: int) -> None:
    assert come(Admission(CONFIG, LoopLag()), late_ms, inside, 200) == expected


def test_when_the_last_who_came_have_talked_the_next_come_in() -> None:
    async def job() -> list[int]:
        admission = Admission(CONFIG, LoopLag())
        inside, came = 200, list[int]()
        for _ in range(8):
            came.append(come(admission, 90.0, inside, 20))
            inside += came[-1]
            await asyncio.sleep(1.0)
        return came

    assert run_in_fake_time(job) == [10, 0, 0, 0, 0, 10, 0, 0]


def test_who_has_left_again_takes_no_room() -> None:
    admission = Admission(CONFIG, LoopLag())
    assert [come(admission, 0.0, 0, 100) for _ in range(5)] == [100] * 5


def test_a_loop_that_lags_takes_nobody_in_until_it_is_well_again() -> None:
    async def job() -> list[bool]:
        loop_lag = LoopLag()
        loop_lag.start()
        admission = Admission(CONFIG, loop_lag)
        admitted = [admits(admission, [20.0], 1)]
        # A lag is believed when it lasts.
        for seconds in (0.3, 0.3, 10.0):
            await _stall(seconds)
            admitted.append(admits(admission, [20.0], 1))
        # Who is alone with it makes nobody suffer.
        admitted.append(admits(admission, [20.0]))
        await asyncio.sleep(10.5)
        return [*admitted, admits(admission, [20.0], 1)]

    assert run_in_fake_time(job) == [True, True, False, False, True, True]


@pytest.mark.parametrize(("late_ms", "busy"), [(119.0, False), (121.0, True)])
def test_work_beside_conversations_goes_by_lateness_alone(late_ms: float, busy: bool) -> None:
    admission = Admission(CONFIG, LoopLag())
    refused = 0
    for _ in range(200):
        try:
            admission.check_lateness([late_ms], 1)
        except ServerError:
            refused += 1
    assert refused == (200 if busy else 0)


async def _stall(seconds: float) -> None:
    """What an event loop that has too much to do looks like from within."""
    await asyncio.sleep(0.45)
    cast(JumpingLoop, asyncio.get_running_loop()).now += 0.05 + seconds
    for _ in range(2):
        await asyncio.sleep(0)
