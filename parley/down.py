"""Stops a server of this machine from outside, and cleans up after one that was killed."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from parley import processes, rundir
from parley.rundir import Record
from pipeline.errors import ServerError

PATIENCE_S = 90.0
"""Seconds in which a server must end by itself; one that leaves a cluster which goes on takes up to 60."""


def pick(port: int | None, where: Path) -> Record:
    """The server meant: the one on the port, or the only one."""
    records = rundir.everything(where)
    if port is not None:
        records = [record for record in records if record.port == port]
    if not records:
        raise ServerError(
            "not_running", f"no Parley server is known on {f'port {port}' if port is not None else 'this machine'}"
        )
    if len(records) > 1:
        ports = ", ".join(str(record.port) for record in records)
        raise ServerError("which_server", f"several servers are known, on ports {ports}; name one with --port")
    return records[0]


def stop(record: Record, where: Path, patience_s: float = PATIENCE_S) -> str:
    """Ask the server to end, and end it if it does not; says in a sentence how it went."""
    begun = time.monotonic()
    asked = record.alive()
    if asked:
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
        asked = _gone(record, patience_s)
    left = len(processes.of_server(record.run_dir))
    if not asked and record.alive():
        with suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGKILL)
    processes.sweep(record.run_dir)
    rundir.forget(record.port, where)
    took = f"{time.monotonic() - begun:.1f} s"
    if asked:
        return f"the server on port {record.port} stopped in {took}"
    return f"the server on port {record.port} was not able to stop by itself; {left} processes of it were ended in {took}"


def _gone(record: Record, patience_s: float) -> bool:
    with suppress(psutil.NoSuchProcess):
        processes.wait_for([psutil.Process(record.pid)], patience_s)
    return not record.alive()
