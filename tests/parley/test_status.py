import os
from dataclasses import replace
from typing import Any

import psutil
import pytest
from rich.console import Console

from parley import status
from parley.environment import free_ports
from parley.rundir import Record
from pipeline.errors import ServerError

RECORD = Record(8000, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 1000.0, "/tmp/parley-x")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7200, "2 h"), (90_061, "1 d 1 h"), (86_460, "1 d 1 min")],
)
def test_durations_in_their_two_greatest_units(seconds: float, told: str) -> None:
    assert status.duration(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"),
        (3, "3"),
        (0.5, "0.5"),
        ("x", "x"),
        ([1, 2], "1\n2"),
        ({"alive": 1, "queue": None, "reason": ""}, "alive 1  queue -"),
    ],
)
def test_values_as_a_reader_wants_them(value: Any, told: str) -> None:
    assert status.text(value) == told


def test_a_picture_has_all_that_health_says() -> None:
    health = {"status": "healthy", "version": "1.2", "uptime_s": 5, "sessions": {"active": 2}, "notes": ["a"], "none": {}}
    console = Console(width=100)
    with console.capture() as shown:
        console.print(status.picture(RECORD, health, 1061.0))

    words = shown.get().split()
    assert [word in words for word in ("http://127.0.0.1:8000", "healthy", "(1", "1.2", "sessions", "active", "2", "a")] == [
        True
    ] * 8
    assert "none" not in words


def test_a_killed_server_is_one_line() -> None:
    with pytest.raises(ServerError) as caught:
        status.ask(replace(RECORD, born=0.0))

    assert caught.value.code == "killed"


def test_a_server_that_is_not_ready_is_one_line() -> None:
    with pytest.raises(ServerError) as caught:
        status.ask(replace(RECORD, port=free_ports(1)[0]))

    assert caught.value.code == "no_answer"
