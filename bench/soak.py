"""Callers come and go for a long time: `make soak`, or `python -m bench.soak`. Does anything grow?

Each conversation lasts 20 to 60 seconds, and a new one takes its place; one in five drops without a goodbye. Every ten seconds
all processes of the server are looked at. What counts as a leak stands in bench.leaks.
"""

import asyncio
import json
import platform
import random
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import psutil
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.caller import Answer, Caller, connect
from bench.leaks import LIMITS, Growth, Sample, growth, leaks, left_over, together
from bench.measure import Turn, answered_once, make_turn
from bench.server import Running, serving
from bench.strokes import Parts, title
from bench.tables import number
from bench.targets import Verdict
from bench.wires import FRAME_S, WIRES

_WIRE = WIRES["ws"]
_SHORTEST_S, _LONGEST_S = 20.0, 60.0
_DROPS = 0.2
"""Share of callers who go without a goodbye."""
_SAMPLE_S = 10.0
_AGAIN_S = 1.0
"""After a conversation that did not open."""
_GONE_S = 75.0
"""Longest wait for the server to be rid of everybody: it keeps those who dropped for half a minute."""
_HEALTH_S = 2.5
"""How old what /health tells may be."""
_FAR_BEHIND_S = 5.0
_COLOURS = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.UNKNOWN: "yellow"}
_WORDS = {Verdict.MET: "no leak", Verdict.MISSED: "leaks", Verdict.UNKNOWN: "too short to tell"}


class Visitor:
    """Takes one place: a conversation after the other."""

    def __init__(self, url: str, turn: Turn, chance: random.Random) -> None:
        self._url, self._turn, self._chance = url, turn, chance
        self._caller: Caller | None = None
        self._opening: asyncio.Task[None] | None = None
        self._place = 0
        self._leaves_at = 0.0
        self.opened = self.unopened = self.cut = self.dropped = 0
        self.answers: list[Answer] = []
        """Of conversations that are over, but for questions that their end cut off."""

    def step(self, now: float) -> None:
        """A frame of 20 ms."""
        caller = self._caller
        if caller is None:
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open())
            return
        if caller.cut:
            self.cut += 1
            self._end(caller)
        elif now >= self._leaves_at:
            self._leave(caller)
        else:
            caller.send(self._turn.frames[self._place])
            if self._place == self._turn.spoken - 1:
                caller.ask()
            self._place = (self._place + 1) % len(self._turn.frames)

    def leave(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._caller is not None:
            self._leave(self._caller)

    async def _open(self) -> None:
        try:
            caller, _ = await connect(self._url, _WIRE)
        except OSError:
            self.unopened += 1
            await asyncio.sleep(_AGAIN_S)
            return
        self.opened += 1
        self._leaves_at = time.monotonic() + self._chance.uniform(_SHORTEST_S, _LONGEST_S)
        self._place = self._chance.randrange(self._turn.spoken, len(self._turn.frames))
        self._caller = caller

    def _leave(self, caller: Caller) -> None:
        if self._chance.random() < _DROPS:
            self.dropped += 1
            if caller.transport is not None:
                caller.transport.abort()
        else:
            caller.leave()
        self._end(caller)

    def _end(self, caller: Caller) -> None:
        caller.close()
        self._caller = None
        self.answers += caller.answers[:-1]


@dataclass(slots=True)
class Soak:
    """A run as it goes."""

    running: Running
    conversations: int
    seconds: float
    visitors: list[Visitor] = field(default_factory=lambda: [])
    samples: dict[tuple[int, str], list[Sample]] = field(default_factory=lambda: {})
    """By process id and program."""
    began_at: float = 0.0
    rest: dict[str, int] = field(default_factory=lambda: {})
    """What was left when all had gone."""

    async def go(self, told: Callable[[str], None]) -> None:
        turn = make_turn(_WIRE)
        self.visitors = [Visitor(self.running.url, turn, random.Random(place)) for place in range(self.conversations)]
        parts = Parts(self.running)
        self.began_at = time.monotonic()
        watching = asyncio.create_task(self._watch(parts, told))
        try:
            await self._talk(self.began_at + self.seconds)
        finally:
            watching.cancel()
            for visitor in self.visitors:
                visitor.leave()
        told("all leave")
        self.rest = await self._wait_until_empty()
        await self._look(parts)

    async def _talk(self, end: float) -> None:
        """The first ones come one after the other, within a turn's time."""
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            if now - due > _FAR_BEHIND_S:
                raise RuntimeError("the callers cannot keep up on this machine; take fewer --conversations")
            here = 1 + int((now - self.began_at) / FRAME_S / 6)
            for visitor in self.visitors[:here]:
                visitor.step(now)
            due += FRAME_S
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)

    async def _watch(self, parts: Parts, told: Callable[[str], None]) -> None:
        while True:
            await self._look(parts)
            told(f"{sum(visitor.opened for visitor in self.visitors)} conversations so far")
            await asyncio.sleep(_SAMPLE_S)

    async def _look(self, parts: Parts) -> None:
        for key, sample in await asyncio.to_thread(_sampled, parts, time.monotonic() - self.began_at):
            self.samples.setdefault(key, []).append(sample)

    async def _wait_until_empty(self) -> dict[str, int]:
        end = time.monotonic() + _GONE_S
        while True:
            await asyncio.sleep(_HEALTH_S)
            _, health = await asyncio.to_thread(self.running.health)
            rest = left_over(health)
            if not rest or time.monotonic() > end:
                return rest


def _sampled(parts: Parts, at: float) -> list[tuple[tuple[int, str], Sample]]:
    """All processes of the server; one that ends meanwhile is left out."""
    found: list[tuple[tuple[int, str], Sample]] = []
    for process in parts.everything():
        try:
            memory = process.memory_full_info()
            numbers = (memory.uss / 1e6, memory.rss / 1e6, process.num_fds(), process.num_threads())
            found.append(((process.pid, program(process)), Sample(round(at, 1), *numbers)))
        except psutil.Error:
            continue
    return found


def program(process: psutil.Process) -> str:
    """What a reader knows a process by; never a path."""
    name = title(process)
    if name.startswith("ray::"):
        return name.removeprefix("ray::").removeprefix("ServeReplica:parley:").split(".")[0]
    words = process.cmdline()
    scripts = [word for word in words[1:4] if word.endswith(".py") or "/bin/" in word or word.startswith("parley")]
    return Path(scripts[0] if Path(name).name.startswith("python") and scripts else name).name


def result(soak: Soak) -> dict[str, Any]:
    growths = [growth(program, samples, soak.seconds / 2) for (_, program), samples in sorted(soak.samples.items())]
    visitors = soak.visitors
    answers = [answer for visitor in visitors for answer in visitor.answers]
    return {
        "machine": {"cores": psutil.cpu_count(), "memory_gb": round(psutil.virtual_memory().total / 1e9, 1)},
        "python": platform.python_version(),
        "conversations": soak.conversations,
        "seconds": soak.seconds,
        "opened": sum(visitor.opened for visitor in visitors),
        "dropped": sum(visitor.dropped for visitor in visitors),
        "unopened": sum(visitor.unopened for visitor in visitors),
        "cut": sum(visitor.cut for visitor in visitors),
        "asked": len(answers),
        "answered_once": answered_once(answers),
        "left_over": soak.rest,
        "limits_an_hour": LIMITS,
        "processes": [asdict(one) for one in growths],
        "verdict": together(growths, soak.rest),
        "samples": [
            {"program": program, "samples": [list(asdict(sample).values()) for sample in samples]}
            for (_, program), samples in sorted(soak.samples.items())
        ],
    }


def show(soak: Soak, kept: dict[str, Any], console: Console) -> None:
    table = Table(title="What each process grew by")
    for heading in ("process", "samples", "own MB", "RSS MB", "files", "threads", "MB an hour", "files an hour", "threads", ""):
        table.add_column(heading, justify="right")
    for (_, program), samples in sorted(soak.samples.items(), key=lambda item: item[0][1]):
        table.add_row(*_row(growth(program, samples, soak.seconds / 2)))
    console.print(table)
    talks = f"{kept['opened']} conversations, {kept['dropped']} of them dropped without goodbye"
    console.print(f"{talks}; {kept['unopened']} did not open, {kept['cut']} were cut", highlight=False)
    console.print(f"{kept['answered_once']} of {kept['asked']} questions answered once", highlight=False)
    rest = ", ".join(f"{name}: {figure}" for name, figure in soak.rest.items()) or "nothing"
    console.print(f"left when all had gone: {rest}", highlight=False)
    limits = f"{LIMITS['own_mb']:g} MB, {LIMITS['fds']:g} files or {LIMITS['threads']:g} threads an hour"
    console.print(f"[dim]A process leaks when the second half of its samples rises by more than {limits}, beyond noise.[/]")
    verdict = Verdict(kept["verdict"])
    console.print(f"[{_COLOURS[verdict]}]{_WORDS[verdict]}[/]")


def _row(one: Growth) -> list[str]:
    def change(name: str, digits: int) -> str:
        return f"{number(float(getattr(one.first, name)), digits)} > {number(float(getattr(one.last, name)), digits)}"

    def rise(name: str) -> str:
        found = one.slopes.get(name)
        if found is None:
            return "-"
        text = f"{found.an_hour:+.1f} ±{found.error:.1f}"
        return f"[red]{text}[/]" if leaks(name, found) else text

    changes = (change("own_mb", 1), change("rss_mb", 0), change("fds", 0), change("threads", 0))
    verdict = f"[{_COLOURS[one.verdict]}]{_WORDS[one.verdict]}[/]"
    return [one.program, str(one.samples), *changes, *(rise(name) for name in LIMITS), verdict]


def _ended_like_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def main(
    conversations: Annotated[int, typer.Option(min=1, max=500, help="How many talk at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=30, help="How long callers come and go.")] = 1800.0,
    config: Annotated[str, typer.Option(help="Configuration of the server, a file in configs.")] = "bench.yaml",
    out: Annotated[Path, typer.Option(help="File for the numbers.")] = Path("bench/results/soak.json"),
) -> None:
    for number_of in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_of, _ended_like_ctrl_c)
    console = Console(width=max(Console().width, 140))
    make_turn(_WIRE)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        # Seldom drawn: the callers run in this process.
        with Progress(*columns, console=console, transient=True, refresh_per_second=1) as progress:
            task = progress.add_task("the server starts", total=None)

            def told(what: str) -> None:
                progress.update(task, description=f"{conversations} at once; {what}")

            with serving(config) as running:
                soak = Soak(running, conversations, seconds)
                uvloop.run(soak.go(told))
                progress.update(task, description="the server stops")
    except KeyboardInterrupt:
        console.print("Broken off; nothing was written.", style="yellow")
        raise typer.Exit(130) from None
    except (OSError, RuntimeError) as error:
        console.print(f"The run could not be made: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    kept = result(soak)
    show(soak, kept, console)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
