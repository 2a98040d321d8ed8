"""A small process stands in for `parley serve`; it says when it is ready."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from parley import down, processes, rundir
from parley.rundir import Record
from pipeline.errors import ServerError

WAITS = "import sys; print('up', flush=True); sys.stdin.read()"
DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "servers"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def one(code: str, mark: str = "") -> subprocess.Popen[str]:
        environ = os.environ | ({processes.MARK: mark} if mark else {})
        words = [sys.executable, "-c", code]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def record_of(process: subprocess.Popen[str], run_dir: Path, where: Path, port: int = 8000) -> Record:
    record = Record(port, "127.0.0.1", process.pid, psutil.Process(process.pid).create_time(), time.time(), str(run_dir))
    rundir.claim(record, where)
    return record


def test_a_server_that_runs_is_asked_to_stop(start: Start, run_dir: Path, where: Path) -> None:
    server = start(WAITS)
    told = down.stop(record_of(server, run_dir, where), where)

    assert told.startswith("the server on port 8000 stopped in ")
    assert server.wait(5) == -15
    assert not run_dir.exists()
    assert not where.exists()


def test_what_a_killed_server_left_is_ended(start: Start, run_dir: Path, where: Path) -> None:
    server, orphan = start(WAITS), start(WAITS, mark=str(run_dir))
    record = record_of(server, run_dir, where)
    server.kill()
    server.wait()

    told = down.stop(record, where)

    assert "1 processes of it were ended" in told
    assert orphan.wait(5) == -15
    assert not run_dir.exists()


def test_a_server_that_does_not_obey_is_killed(start: Start, run_dir: Path, where: Path) -> None:
    server = start(DEAF)

    told = down.stop(record_of(server, run_dir, where), where, patience_s=0.1)

    assert "was not able to stop by itself" in told
    assert server.wait(5) == -9


def test_the_only_server_is_meant_when_none_is_named(start: Start, run_dir: Path, where: Path) -> None:
    record = record_of(start(WAITS), run_dir, where)

    assert down.pick(None, where) == record
    assert down.pick(8000, where) == record


def test_which_server_is_asked_when_there_are_several(start: Start, run_dir: Path, where: Path) -> None:
    server = start(WAITS)
    record_of(server, run_dir, where)
    second = record_of(server, run_dir, where, port=8001)

    with pytest.raises(ServerError, match="8000, 8001") as caught:
        down.pick(None, where)
    assert caught.value.code == "which_server"
    assert down.pick(8001, where) == second


@pytest.mark.parametrize(("port", "told"), [(None, "this machine"), (8000, "port 8000")])
def test_no_server_is_one_line(where: Path, port: int | None, told: str) -> None:
    with pytest.raises(ServerError, match=told) as caught:
        down.pick(port, where)

    assert caught.value.code == "not_running"
