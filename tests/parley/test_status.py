import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psutil
import pytest
from rich.console import Console

from parley import status
from parley.environment import free_ports
from parley.rundir import Record
from pipeline.errors import ClientError, ServerError

ANSWERS = {
    None: (200, {"status": "healthy"}),
    "Bearer right": (200, {"status": "healthy", "version": "1"}),
    "Bearer wrong": (401, {"error": {"code": "key_invalid"}}),
}
RECORD = Record(8000, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 1000.0, "/tmp/parley-x")


@pytest.fixture
def guarded() -> Iterator[Record]:
    """A server that asks for a key."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = ANSWERS[self.headers["Authorization"]]
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield replace(RECORD, port=server.server_port)
        server.shutdown()
        thread.join()


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


@pytest.mark.parametrize(("key", "answer"), [("", {"status": "healthy"}), ("right", {"status": "healthy", "version": "1"})])
def test_the_picture_is_whole_with_a_key(guarded: Record, key: str, answer: dict[str, str]) -> None:
    assert status.ask(guarded, key) == answer
    Console(quiet=True).print(status.picture(guarded, answer, 1061.0))


def test_a_wrong_key_is_one_line(guarded: Record) -> None:
    with pytest.raises(ClientError) as caught:
        status.ask(guarded, "wrong")

    assert caught.value.code == "key_invalid"
    assert "wrong" not in str(caught.value)


def test_a_server_that_is_not_ready_is_one_line() -> None:
    with pytest.raises(ServerError) as caught:
        status.ask(replace(RECORD, port=free_ports(1)[0]))

    assert caught.value.code == "no_answer"
