"""Servers to measure: started on a free port and stopped again, their figures asked for, their processes counted."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from parley import processes, rundir

ROOT = Path(__file__).parent.parent
PARLEY = Path(sys.executable).parent / "parley"
_START_S = 300.0
"""Longest start; a server that needs longer is ended."""
_STOP_S = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    url: str
    pid: int
    """Of the process that was started; it may have started others."""

    def health(self) -> tuple[int, dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as response:
            return response.status, json.load(response)


@contextmanager
def serving(config: str, *settings: str, keys: dict[str, str] | None = None) -> Iterator[Running]:
    """`keys` are environment variables of the server, such as a provider's key."""
    options = [word for setting in ("ray.dashboard=false", *settings) for word in ("--set", setting)]
    command = [str(PARLEY), "serve", "--config", str(ROOT / "configs" / config), "--port", "0", *options]
    with _started(command, keys or {}) as running:
        yield running


@contextmanager
def serving_floor() -> Iterator[Running]:
    """The bare server that Parley is compared with."""
    with _started([sys.executable, "-m", "bench.floor", "--port", "0"], {}) as running:
        yield running


@contextmanager
def _started(command: list[str], keys: dict[str, str]) -> Iterator[Running]:
    environment = {**os.environ, **keys}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment)
    try:
        patience = threading.Timer(_START_S, process.terminate)
        patience.start()
        try:
            url = _address(process)
        finally:
            patience.cancel()
        yield Running(url, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            # Parley's warden ends what this leaves.
            process.kill()
            process.communicate()
            raise


def _address(process: subprocess.Popen[str]) -> str:
    """Read what the server prints until it says where it listens."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if "listens on" in line:
            return line.split("listens on")[1].split()[0]
    raise RuntimeError(f"the server did not start:\n{''.join(seen)}")


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process has taken of the processors since it was born."""

    program: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all processes of a server had taken at a moment."""

    at: float
    spent: dict[int, Spent]
    """By process id."""

    def cores_since(self, before: Self) -> dict[str, float]:
        """By program; a process that was born meanwhile has spent all it spent meanwhile."""
        cores: defaultdict[str, float] = defaultdict(float)
        for pid, spent in self.spent.items():
            had = before.spent[pid].cpu_s if pid in before.spent else 0.0
            cores[spent.program] += (spent.cpu_s - had) / (self.at - before.at)
        return dict(cores)


class Server:
    """The processes of a server, as the kernel counts them."""

    def __init__(self, url: str, find: Callable[[], list[psutil.Process]]) -> None:
        self.url = url
        self._find = find

    @classmethod
    def parley(cls, url: str) -> Self:
        """All that belongs to the Parley server that listens there; nothing, when it was started by somebody else."""
        record = rundir.find(urlsplit(url).port or 80, rundir.folder())

        def find() -> list[psutil.Process]:
            return [] if record is None else [*processes.of_server(record.run_dir), *_alive(record.pid)]

        return cls(url, find)

    @classmethod
    def program(cls, running: Running) -> Self:
        """One that is a single process, such as the floor."""

        def find() -> list[psutil.Process]:
            return _alive(running.pid)

        return cls(running.url, find)

    def snapshot(self) -> Snapshot:
        """Looks at every process of the machine: not to be called from an event loop that must be on time."""
        spent: dict[int, Spent] = {}
        for process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                spent[process.pid] = Spent(_program(process), times.user + times.system)
        return Snapshot(time.monotonic(), spent)

    def memory_mb(self) -> float:
        total = 0
        for process in self._processes():
            with suppress(psutil.Error):
                memory = process.memory_info()
                total += memory.rss - memory.shared
        return total / 1e6

    def _processes(self) -> list[psutil.Process]:
        """Each once, and never the one that measures."""
        found = {process.pid: process for process in self._find()}
        found.pop(psutil.Process().pid, None)
        return list(found.values())


def _alive(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid)] if psutil.pid_exists(pid) else []


def _program(process: psutil.Process) -> str:
    # Ray's workers carry their title; of other programs the name is enough.
    title = process.cmdline()[0].strip()
    return title if title.startswith("ray::") else Path(title).name
