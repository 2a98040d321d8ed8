"""What happens to the parts of a server in a chaos run: one is killed with -9, or stopped for a while and let go on.

It is the busier one of its kind: conversations gather where nobody has died, and the other one may have nothing to lose. Only
processes of the server that the run itself has started are touched, and of a kind only while two of it are there. What was
stopped goes on whatever ends the run.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from urllib.parse import urlsplit

import psutil

from bench.server import Running
from parley import processes, rundir

FROZEN_S = 5.0
_LOOK_S = 0.5
_BUSY_S = 0.5
"""Time over which it is seen which one is busier."""
_PATIENCE_S = 30.0
"""Longest wait for a process in the place of one that was killed."""


class Kind(StrEnum):
    GATEWAY = "gateway"
    BUFFER = "BufferActor"
    VAD = "VADActor"
    ASR = "asr"
    LLM = "llm"
    TTS = "tts"
    FROZEN = "BufferActor, frozen"


_TITLES = {
    Kind.GATEWAY: "ray::ServeReplica:parley:gateway",
    Kind.BUFFER: "ray::BufferActor",
    Kind.VAD: "ray::VADActor",
    Kind.ASR: "ray::ServeReplica:parley:asr",
    Kind.LLM: "ray::ServeReplica:parley:llm",
    Kind.TTS: "ray::ServeReplica:parley:tts",
    Kind.FROZEN: "ray::BufferActor",
}


@dataclass(slots=True)
class Stroke:
    """One thing that was done to the server."""

    kind: Kind
    at: float
    """Seconds of the machine's steady clock."""
    until: float
    """When it was over: at once, unless the part was frozen."""
    replaced_s: float | None = None
    """Until there were as many processes of its kind again."""


def is_of(kind: Kind, title: str) -> bool:
    """Ray adds the name of the method that runs."""
    wanted = _TITLES[kind]
    return title == wanted or title.startswith((f"{wanted}.", f"{wanted}:"))


class Parts:
    """The processes of the server under test, by what they are."""

    def __init__(self, running: Running) -> None:
        record = rundir.find(urlsplit(running.url).port or 80, rundir.folder())
        if record is None or record.pid != running.pid:
            raise RuntimeError(f"{running.url} is not the server that was started here")
        self.run_dir = record.run_dir
        self._pid = running.pid

    def of(self, kind: Kind) -> list[psutil.Process]:
        """Looks at every process of the machine: not to be called from an event loop that must be on time."""
        return [process for process in processes.of_server(self.run_dir) if is_of(kind, title(process))]

    def everything(self) -> list[psutil.Process]:
        """All processes of the server, each once; this one is not among them."""
        found = {process.pid: process for process in processes.of_server(self.run_dir)}
        with suppress(psutil.NoSuchProcess):
            found[self._pid] = psutil.Process(self._pid)
        return list(found.values())


def title(process: psutil.Process) -> str:
    with suppress(psutil.Error, IndexError):
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.cmdline()[0].strip()
    return ""


class Striker:
    """Strikes the kinds in turn until it is cancelled."""

    def __init__(self, parts: Parts, kinds: list[Kind], pause_s: float) -> None:
        self._parts, self._pause_s = parts, pause_s
        self._kinds: Iterator[Kind] = cycle(kinds)
        self.strokes: list[Stroke] = []
        self.spared: list[Kind] = []
        """Kinds of which there were not two when their turn came."""
        self._looks: set[asyncio.Task[None]] = set()

    async def strike_until(self, end: float, told: Callable[[str], None]) -> None:
        try:
            while time.monotonic() < end:
                kind = next(self._kinds)
                there = await asyncio.to_thread(self._parts.of, kind)
                if len(there) < 2:
                    self.spared.append(kind)
                    told(f"{kind} is spared: {len(there)} of it")
                else:
                    told(f"{kind} is struck")
                    await self._strike(kind, await asyncio.to_thread(busiest, there), len(there))
                await asyncio.sleep(self._pause_s)
        finally:
            for look in self._looks:
                look.cancel()

    async def _strike(self, kind: Kind, process: psutil.Process, there: int) -> None:
        at = time.monotonic()
        stroke = Stroke(kind, at, at)
        # A process that has just died by itself needs no blow.
        with suppress(psutil.NoSuchProcess):
            if kind is Kind.FROZEN:
                self.strokes.append(stroke)
                stroke.until = at + FROZEN_S
                await frozen(process, FROZEN_S)
                return
            process.kill()
            self.strokes.append(stroke)
            look = asyncio.create_task(self._look(stroke, process.pid, there))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look(self, stroke: Stroke, dead: int, there: int) -> None:
        begun = time.monotonic()
        while time.monotonic() - begun < _PATIENCE_S:
            await asyncio.sleep(_LOOK_S)
            now = [process for process in await asyncio.to_thread(self._parts.of, stroke.kind) if process.pid != dead]
            if len(now) >= there:
                stroke.replaced_s = round(time.monotonic() - begun, 1)
                return


def busiest(there: list[psutil.Process]) -> psutil.Process:
    """The one that takes most of the processors at the moment."""
    before = [_cpu_s(process) for process in there]
    time.sleep(_BUSY_S)
    taken = [_cpu_s(process) - had for process, had in zip(there, before, strict=True)]
    return there[taken.index(max(taken))]


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


async def frozen(process: psutil.Process, seconds: float) -> None:
    """Stops a process for a while; it goes on whatever happens here."""
    try:
        process.suspend()
        await asyncio.sleep(seconds)
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()
