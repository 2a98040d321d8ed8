"""With real processes: each announces itself, so nothing here waits for time to pass."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parley import processes

Start = Callable[..., subprocess.Popen[str]]
WAITS = "import sys; print('up', flush=True); sys.stdin.read()"
STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    folder = tmp_path / "parley-a"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def one(code: str, *arguments: str, mark: str = "", program: str = sys.executable) -> subprocess.Popen[str]:
        words = [program, "-c", code, *arguments] if program == sys.executable else [program, code, *arguments]
        environ = os.environ | ({processes.MARK: mark} if mark else {})
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def pids(run_dir: str) -> set[int]:
    return {process.pid for process in processes.of_server(run_dir)}


def test_a_process_belongs_by_its_environment_or_its_command_line(run_dir: str, start: Start) -> None:
    marked = start(WAITS, mark=run_dir)
    named = start(WAITS, f"--log_dir={run_dir}/logs")

    assert pids(run_dir) == {marked.pid, named.pid}


def test_neighbours_do_not_belong(run_dir: str, start: Start) -> None:
    start(WAITS, mark=f"{run_dir}b")
    start(WAITS, f"{run_dir}b/logs")
    start(WAITS, "--name=raylet")

    assert pids(run_dir) == set()


def test_a_pager_on_a_log_does_not_belong(run_dir: str, start: Start) -> None:
    log = Path(run_dir) / "raylet.out"
    log.write_text("a line\n")
    start("-f", str(log), program="tail")

    assert pids(run_dir) == set()


def test_children_belong_whatever_they_are(run_dir: str, start: Start) -> None:
    code = (
        "import subprocess, sys\nchild = subprocess.Popen(['sleep', '1000'], env={})\nprint('up', flush=True)\nsys.stdin.read()"
    )
    parent = start(code, mark=run_dir)
    found = pids(run_dir)

    assert parent.pid in found
    assert len(found) == 2

    processes.sweep(run_dir)
    assert pids(run_dir) == set()


def test_a_sweep_ends_even_the_stubborn_and_removes_the_files(run_dir: str, start: Start) -> None:
    stubborn = start(STUBBORN, mark=run_dir)
    other = start(WAITS, mark="/tmp/parley-other")

    processes.sweep(run_dir, patience_s=0.1)

    assert stubborn.wait(5) == -9
    assert other.poll() is None
    assert not Path(run_dir).exists()


def test_files_can_stay(run_dir: str) -> None:
    processes.sweep(run_dir, keep_files=True)

    assert Path(run_dir).exists()
