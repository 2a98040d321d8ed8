"""What is known of the servers that run on this machine: one small JSON file for each, named after its port.

A file is made before anything is started and removed after everything has stopped, so a file whose process is gone means a
server that was killed. The folder belongs to one user (`XDG_RUNTIME_DIR`, or the temp dir) and vanishes with its last file.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from pipeline.errors import ServerError


@dataclass(frozen=True, slots=True)
class Record:
    """One server that was started here."""

    port: int
    host: str
    pid: int
    """The process of `parley serve`."""
    born: float
    """When that process was born, as the kernel has it; with the pid it names one process for good."""
    since: float
    """Seconds since 1970 at which the server was started."""
    run_dir: str
    """Its temporary folder: Ray's session, HAProxy's files, the token; every process of it carries this path."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def alive(self) -> bool:
        return born_at(self.pid) == self.born


def born_at(pid: int) -> float | None:
    """When a process was born, or None when there is no such process (one that only waits to be reaped counts as gone)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "parley"
    return Path(tempfile.gettempdir()) / f"parley-servers-{os.getuid()}"


def claim(record: Record, where: Path) -> None:
    """Write a server's file; of two servers that start on one port at once, one gets it."""
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    if where.stat().st_uid != os.getuid():
        raise ServerError("state_folder", f"{where} belongs to another user")
    try:
        with _path(where, record.port).open("x", encoding="utf-8") as file:
            json.dump(asdict(record), file)
    except FileExistsError:
        port = record.port
        held = f"port {port} belongs to a Parley server that starts or runs; `parley down --port {port}` ends it"
        raise ServerError("port_taken", held) from None


def find(port: int, where: Path) -> Record | None:
    with suppress(FileNotFoundError, ValueError, TypeError):
        return Record(**json.loads(_path(where, port).read_text(encoding="utf-8")))
    return None


def everything(where: Path) -> list[Record]:
    """Every server with a file here, by port."""
    ports = sorted(int(path.stem) for path in where.glob("*.json") if path.stem.isdigit())
    return [record for port in ports if (record := find(port, where)) is not None]


def forget(port: int, where: Path) -> None:
    _path(where, port).unlink(missing_ok=True)
    with suppress(OSError):
        where.rmdir()


def _path(where: Path, port: int) -> Path:
    return where / f"{port}.json"
