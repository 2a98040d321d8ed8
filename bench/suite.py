"""Parley beside the floor, measured in one go: `make bench`, or `python -m bench.suite`.

The two servers run one after the other, never at once, each with the same callers: more and more of them, until two numbers in
a row were not held. Whatever ends it, Ctrl-C too, the server that was started is stopped.
"""

import asyncio
import gc
import json
import platform
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import psutil
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.arrivals import COMERS, COMING_S, SLICE_S, TALKING_ON_S, Ramp, arrivals
from bench.measure import LEAST_S, Base, Measured, Report, base, make_turn, run
from bench.probes import BURST, Burst, burst, calm
from bench.server import Running, Server, serving, serving_floor
from bench.tables import everything, held, number
from bench.targets import TARGETS, Comparison, Judgement, Side, held_up_to, judge
from bench.wires import WIRES

COUNTS = (1, 10, 25, 50, 100, 150, 200, 250, 300)
_WIRE = "ws"
_WARM_UP = 5
"""Conversations whose turns belong to nobody's figures."""
_QUIET_S = 10.0
_SETTLE_S = 12.0
"""In which a server forgets that it was late."""
_FEW = 10
"""Fewer conversations than this are measured twice as long."""
_GIVE_UP = 2
"""Numbers in a row that are not held, after which no larger one is tried."""
_PACKAGES = ("parley", "ray", "uvloop", "numpy", "onnxruntime", "silero-vad")
_NOTE = "Callers and server share the cores of this machine."


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be measured."""

    name: str
    serving: Callable[[], AbstractContextManager[Running]]
    counted: Callable[[Running], Server]
    refuses: bool = False
    """Whether it turns callers away when it is full."""


PARLEY = Contender("Parley", lambda: serving("bench.yaml"), lambda running: Server.parley(running.url), refuses=True)
FLOOR = Contender("the floor", serving_floor, Server.program)


class Suite:
    """Measures servers at all counts, and tells how it goes."""

    def __init__(self, counts: list[int], seconds: float, at_once: int, comers: int, console: Console) -> None:
        self._counts, self._seconds, self._at_once, self._comers = counts, seconds, at_once, comers
        self._console = console
        self._turn = make_turn(WIRES[_WIRE])
        self.cores: dict[str, dict[int, dict[str, float]]] = {}
        """By server, conversations and program."""

    def measure(self, contender: Contender, side: Side) -> None:
        """Fills in what it finds as it finds it, so that a run which is broken off has something to show."""
        self.cores[contender.name] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # Seldom drawn: the callers run in this process.
        with Progress(*columns, console=self._console, transient=True, refresh_per_second=1) as progress:
            task = progress.add_task(f"{contender.name} starts", total=len(self._counts) + 4)

            def step(what: str) -> None:
                progress.update(task, description=f"{contender.name}: {what}", advance=1)

            with contender.serving() as running:
                server = contender.counted(running)
                step("warming up, and a quiet server")
                at_rest = self._quiet(contender, server, side)
                self._talk(contender, server, at_rest, side, step)
                step(f"{self._at_once} within a second")
                side.burst = uvloop.run(_burst(server, self._at_once))
                if contender.refuses and self._comers:
                    step(f"{self._comers} come one after another")
                    side.ramp = uvloop.run(self._arrivals(server))

    def _quiet(self, contender: Contender, server: Server, side: Side) -> Base:
        uvloop.run(run(_WIRE, _WARM_UP, LEAST_S, server, Base(0.0, 0.0), self._turn))
        at_rest = uvloop.run(base(server, _QUIET_S))
        side.calm = uvloop.run(calm(server, at_rest, _QUIET_S))
        idle, quiet = number(side.calm.idle_cores, 3), number(side.calm.quiet_cores, 3)
        self._say(f"{contender.name}: {idle} cores with nobody there, {quiet} with one quiet conversation")
        return at_rest

    def _talk(self, contender: Contender, server: Server, at_rest: Base, side: Side, step: Callable[[str], None]) -> None:
        for count in self._counts:
            step(f"{count} talking")
            measured = self._run(count, server, at_rest)
            if not measured.report.valid:
                # What was late was here, not there: once more.
                measured = self._run(count, server, at_rest)
            report = measured.report
            side.reports.append(report)
            self.cores[contender.name][count] = measured.cores_by_program
            figures = (
                f"p50 {number(report.overhead_p50_ms)} ms, p95 {number(report.overhead_p95_ms)} ms, CPU {report.cpu_ms} ms"
            )
            self._say(f"{contender.name}, {count}: held {held(report)}, {figures}")
            if gives_up(side.reports):
                return

    def _run(self, count: int, server: Server, at_rest: Base) -> Measured:
        gc.collect()
        seconds = self._seconds * (2 if count < _FEW else 1)
        return uvloop.run(run(_WIRE, count, seconds, server, at_rest, self._turn))

    async def _arrivals(self, server: Server) -> Ramp:
        await asyncio.sleep(_SETTLE_S)
        # As fast, and as long, however many they are.
        coming_s = max(COMING_S * self._comers / COMERS, SLICE_S)
        return await arrivals(server.url, self._turn, self._comers, coming_s, TALKING_ON_S)

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False)


async def _burst(server: Server, count: int) -> Burst:
    # What the largest number left behind is none of its business.
    await asyncio.sleep(_SETTLE_S)
    return await burst(server, count)


def gives_up(reports: list[Report]) -> bool:
    last = reports[-_GIVE_UP:]
    return len(last) == _GIVE_UP and not any(report.held for report in last)


def record(comparison: Comparison, cores: dict[str, dict[int, dict[str, float]]], seconds: float) -> dict[str, Any]:
    """What is kept of a run: figures, and the machine as far as they depend on it."""
    machine = {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    return {
        "machine": machine,
        "versions": {package: version(package) for package in _PACKAGES},
        "seconds": seconds,
        "servers": {name: asdict(side) for name, side in (("parley", comparison.parley), ("floor", comparison.floor))},
        "held": {"parley": held_up_to(comparison.parley), "floor": held_up_to(comparison.floor)},
        "cores_by_program": cores,
        "targets": [_kept(judge(target, comparison)) for target in TARGETS],
    }


def _kept(judgement: Judgement) -> dict[str, object]:
    target = judgement.target
    wanted = f"{target.limit} {target.figure:g} {target.unit}".strip()
    return {"name": target.name, "wanted": wanted, "measured": judgement.measured, "verdict": judgement.verdict}


def _ended_like_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def main(
    conversations: Annotated[str, typer.Option(help="How many, one measurement each.")] = ",".join(map(str, COUNTS)),
    seconds: Annotated[float, typer.Option(help=f"Length of each measurement, {LEAST_S:g} at least.")] = 30.0,
    at_once: Annotated[int, typer.Option(help="Conversations that come within one second.")] = BURST,
    comers: Annotated[int, typer.Option(help="Callers who come one after another until it is full; 0 for none.")] = COMERS,
    out: Annotated[Path, typer.Option(help="File for the numbers.")] = Path("bench/results/bench.json"),
) -> None:
    counts = sorted({int(word) for word in conversations.split(",")})
    for number_of in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_of, _ended_like_ctrl_c)
    console = Console(width=max(Console().width, 128))
    seconds = max(seconds, LEAST_S)
    suite = Suite(counts, seconds, at_once, comers, console)
    comparison = Comparison(Side(), Side())
    gc.disable()
    try:
        suite.measure(PARLEY, comparison.parley)
        suite.measure(FLOOR, comparison.floor)
    except KeyboardInterrupt:
        console.print(everything(comparison, _NOTE))
        console.print("Broken off; nothing was written.", style="yellow")
        raise typer.Exit(130) from None
    console.print(everything(comparison, _NOTE))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record(comparison, suite.cores, seconds), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
