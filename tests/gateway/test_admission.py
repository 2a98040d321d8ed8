"""Who comes in when the server is slow, by its lag alone."""

import asyncio
import time

import pytest

from gateway.admission import Admission
from pipeline.config import load_config
from pipeline.errors import ServerError

CONFIG = load_config(None, ["server.most_lag_ms=120"], {})


def admits(lags_ms: list[float]) -> bool:
    try:
        Admission(CONFIG).check(lags_ms)
    except ServerError:
        return False
    return True


@pytest.mark.parametrize(
    ("lags_ms", "expected"),
    [
        ([], True),
        ([20.0], True),
        ([120.0], True),
        ([121.0], False),
        ([500.0, 30.0], True),
        ([500.0, 300.0], False),
    ],
)
def test_a_conversation_begins_where_audio_does_not_wait_long(lags_ms: list[float], expected: bool) -> None:
    assert admits(lags_ms) is expected


def test_who_is_turned_away_hears_when_to_come_back() -> None:
    with pytest.raises(ServerError, match=r"try again in 5 s \[server_busy\]"):
        Admission(CONFIG).check([900.0])


async def test_a_loop_that_lags_takes_nobody_in() -> None:
    admission = Admission(CONFIG)
    admission.start()
    admission.check([])
    # A lag is believed when it lasts.
    for _ in range(12):
        _stall()
        await asyncio.sleep(0)
    with pytest.raises(ServerError, match="server_busy"):
        admission.check([])


def _stall() -> None:
    """What an event loop that has too much to do looks like from within."""
    time.sleep(0.3)
