"""A server to measure: started on a free port and stopped again, its figures asked for, its processes counted."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from parley import processes, rundir

ROOT = Path(__file__).parent.parent
PARLEY = Path(sys.executable).parent / "parley"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    url: str

    def health(self) -> tuple[int, dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as response:
            return response.status, json.load(response)


@contextmanager
def serving(config: str, *settings: str, keys: dict[str, str] | None = None) -> Iterator[Running]:
    """`keys` are environment variables of the server, such as a provider's key."""
    options = [word for setting in ("ray.dashboard=false", *settings) for word in ("--set", setting)]
    command = [str(PARLEY), "serve", "--config", str(ROOT / "configs" / config), "--port", "0", *options]
    environment = {**os.environ, **(keys or {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment)
    try:
        yield Running(_address(process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def _address(process: subprocess.Popen[str]) -> str:
    """Read what the server prints until it says where it listens."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if "listens on" in line:
            return line.split("listens on")[1].split()[0]
    raise RuntimeError(f"the server did not start:\n{''.join(seen)}")


class Server:
    """The processes of the server, as the kernel counts them."""

    def __init__(self, url: str) -> None:
        self.url = url
        record = rundir.find(urlsplit(url).port or 80, rundir.folder())
        self._run_dir = record.run_dir if record is not None else None
        self._pid = record.pid if record is not None else None

    def processes(self) -> list[psutil.Process]:
        if self._run_dir is None:
            return []
        found = {process.pid: process for process in processes.of_server(self._run_dir)}
        if self._pid is not None:
            found[self._pid] = psutil.Process(self._pid)
        found.pop(psutil.Process().pid, None)
        return list(found.values())

    def cpu_by_process(self) -> dict[int, float]:
        used: dict[int, float] = {}
        for process in self.processes():
            try:
                times = process.cpu_times()
                used[process.pid] = times.user + times.system
            except psutil.Error:
                continue
        return used

    def name(self, pid: int) -> str:
        try:
            # Ray's workers carry their title; of other programs the name is enough.
            title = psutil.Process(pid).cmdline()[0].strip()
            return title if title.startswith("ray::") else Path(title).name
        except psutil.Error:
            return "gone"

    def memory_mb(self) -> float:
        total = 0
        for process in self.processes():
            try:
                total += process.memory_info().rss - process.memory_info().shared
            except psutil.Error:
                continue
        return total / 1e6
