"""The processes of one server, and their end.

A process belongs to a server when its environment names the server's run dir (`MARK`), or when it is one of the programs that
we start and its command line names that folder: Ray's workers rewrite their titles, and HAProxy outlives them. Nothing else
is ever touched, whatever its name: a second server and another Ray on this machine go on.
"""

import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "PARLEY_RUN_DIR"
PROGRAMS = {"gcs_server", "raylet", "haproxy", Path(sys.executable).resolve().name}
"""What may run from a run dir; an editor or a pager that shows a log from there is not among them."""
LOOK_S = 0.02


def of_server(run_dir: str) -> list[psutil.Process]:
    """Every process of a server but this one, with those that they started."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if _belongs(process, run_dir):
            found[process.pid] = process
            for child in _children(process):
                found[child.pid] = child
    found.pop(psutil.Process().pid, None)
    return list(found.values())


def proxies(run_dir: str) -> list[psutil.Process]:
    """The HAProxy processes of a server: the one that serves, and those that drain."""
    return [process for process in of_server(run_dir) if _program(process) == "haproxy"]


def end(processes: Iterable[psutil.Process], patience_s: float = 3.0) -> None:
    """Ask, wait, then kill."""
    asked = list(processes)
    for process in asked:
        _signal(process, kill=False)
    stubborn = wait_for(asked, patience_s)
    for process in stubborn:
        _signal(process, kill=True)
    wait_for(stubborn, patience_s)


def sweep(run_dir: str, patience_s: float = 3.0, keep_files: bool = False) -> None:
    """End what is left of a server, and remove its files. Repeated, as what is dying may still start something."""
    for _ in range(5):
        left = of_server(run_dir)
        if not left:
            break
        end(left, patience_s)
    if not keep_files:
        shutil.rmtree(run_dir, ignore_errors=True)


def wait_for(processes: list[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """Those that still run after a while. One that is dead but was not fetched by its parent runs no more."""
    end = time.monotonic() + patience_s
    while (running := [process for process in processes if _runs(process)]) and time.monotonic() < end:
        time.sleep(LOOK_S)
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _belongs(process: psutil.Process, run_dir: str) -> bool:
    try:
        if process.environ().get(MARK) == run_dir:
            return True
        return _program(process) in PROGRAMS and any(_names(word, run_dir) for word in process.cmdline())
    except (psutil.Error, OSError):
        return False


def _names(word: str, run_dir: str) -> bool:
    """Whether a word of a command line is a path in the folder; `/tmp/parley-a1` is not in `/tmp/parley-a`."""
    return f"{run_dir}/" in f"{word}/"


def _program(process: psutil.Process) -> str:
    try:
        return Path(process.exe()).name
    except (psutil.Error, OSError):
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _signal(process: psutil.Process, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.Error:
        return
