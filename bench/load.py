"""How many conversations a server holds, and what each costs: `python -m bench.load`, beside a running server.

Every caller asks the same question every six seconds, in 20 ms frames, and hears the whole reply. Overhead is what passes
between the last sound of the question and the first sound of the reply, less the serial ideal of the simulated providers. The
caller's own lateness is measured too: a run in which frames left late says nothing about the server and is marked so.
"""

import asyncio
import gc
import json
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import numpy as np
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.caller import Answer, Caller, frame
from bench.server import Server
from bench.wires import FRAME_S, WIRES, Wire

TURN_S = 6.0
IDEAL_MS = 460
REPLY_BYTES = 2 * 24_000 * 2
_PHASES = 10
_LATE_LIMIT_MS = 15.0


@dataclass(frozen=True, slots=True)
class Report:
    """One number of conversations on one wire, measured."""

    wire: str
    conversations: int
    seconds: float
    asked: int
    answered_once: int
    overhead_p50_ms: float
    overhead_p95_ms: float
    overhead_p99_ms: float
    open_p95_ms: float
    cpu_ms: float
    """CPU of all server processes, a conversation and second, beyond what they take when idle."""
    idle_cores: float
    cores: float
    memory_mb: float
    """Memory that one conversation adds."""
    late_p99_ms: float
    errors: int
    cut: int

    @property
    def valid(self) -> bool:
        return self.late_p99_ms <= _LATE_LIMIT_MS

    @property
    def held(self) -> bool:
        return self.valid and self.answered_once >= 0.99 * self.asked and self.overhead_p95_ms <= 250


Frames = tuple[list[bytes], int]
"""Frames of one whole turn, and the number of those with speech."""


async def run(
    name: str, count: int, seconds: float, server: Server, idle_cores: float, frames: Frames
) -> tuple[Report, dict[str, object]]:
    loop = asyncio.get_running_loop()
    parts = urlsplit(server.url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    memory_before = server.memory_mb()
    callers, open_ms = await _open(loop, WIRES[name], host, port, count)
    lateness: list[float] = []
    memory: list[float] = []
    cpu: list[dict[int, float]] = []

    async def measure() -> None:
        await asyncio.sleep(TURN_S)
        cpu.append(server.cpu_by_process())
        await asyncio.sleep(seconds - TURN_S)
        cpu.append(server.cpu_by_process())
        memory.append(server.memory_mb())

    measuring = asyncio.create_task(measure())
    await _talk(callers, frames, seconds, lateness)
    await measuring
    cut = sum(caller.cut for caller in callers)
    for caller in callers:
        caller.leave()
    await asyncio.sleep(0.5)
    used = {pid: seconds - cpu[0].get(pid, seconds) for pid, seconds in cpu[1].items()}
    cores = sum(used.values()) / (seconds - TURN_S)
    report = _report(callers, name, count, seconds, cores, idle_cores, memory[0] - memory_before, lateness, open_ms, cut)
    for caller in callers:
        caller.close()
    # Of every turn: milliseconds to the first sound, and what the server reported of it.
    turns = [
        [round(1000 * (sounded - answer.asked_at)), answer.latency]
        for answer in _answers(callers)
        for sounded in answer.sounded_at
    ]
    cpu_s = {f"{pid} {server.name(pid)}": round(spent, 2) for pid, spent in used.items() if spent}
    return report, {"report": asdict(report), "cpu_s": cpu_s, "turns": turns}


def _answers(callers: list[Caller]) -> list[Answer]:
    return [answer for caller in callers for answer in caller.answers]


async def _open(
    loop: asyncio.AbstractEventLoop, wire: Wire, host: str, port: int, count: int
) -> tuple[list[Caller], list[float]]:
    """Everybody comes within one turn's time, so that questions are spread evenly."""
    callers: list[Caller] = []
    times: list[float] = []
    for _ in range(count):
        begun = loop.time()
        _, caller = await loop.create_connection(lambda: Caller(f"{host}:{port}", wire), host, port)
        await asyncio.wait_for(caller.open, 10)
        times.append(1000 * (loop.time() - begun))
        callers.append(caller)
    return callers, times


def make_frames(wire: Wire) -> Frames:
    speech = wire.frames()
    silent = round(TURN_S / FRAME_S) - len(speech)
    return [frame(message, wire.opcode) for message in [*speech, *([wire.silence()] * silent)]], len(speech)


async def _talk(
    callers: list[Caller],
    frames: Frames,
    seconds: float,
    lateness: list[float],
) -> None:
    """Sends everybody's frames on time, a tenth of the callers at once."""
    loop = asyncio.get_running_loop()
    turn, spoken = frames
    length = len(turn)
    offsets = [round(i * length / len(callers)) for i in range(len(callers))]
    groups = [[(callers[i], offsets[i]) for i in range(phase, len(callers), _PHASES)] for phase in range(_PHASES)]
    # The last turn of each gets its answer too: nobody asks again in the last turn's time.
    begun = loop.time() + 0.1
    total, last_question = round(seconds / FRAME_S), round((seconds - TURN_S) / FRAME_S)
    silence = turn[-1]
    for step in range(total):
        for phase, group in enumerate(groups):
            due = begun + (step + phase / _PHASES) * FRAME_S
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            lateness.append(max(loop.time() - due, 0.0) * 1000)
            for caller, offset in group:
                place = (step - offset) % length
                # A question is asked whole or not at all.
                started = step - place
                asked = step >= offset and started <= last_question
                caller.send(turn[place] if asked else silence)
                if asked and place == spoken - 1:
                    caller.ask(loop.time())


def _report(
    callers: list[Caller],
    wire: str,
    count: int,
    seconds: float,
    cores: float,
    idle_cores: float,
    memory_mb: float,
    lateness: list[float],
    open_ms: list[float],
    cut: int,
) -> Report:
    answers = _answers(callers)
    overhead = [1000 * (answer.sounded_at[0] - answer.asked_at) - IDEAL_MS for answer in answers if answer.sounded_at]
    once = sum(len(answer.sounded_at) == 1 and answer.audio_bytes == REPLY_BYTES for answer in answers)
    p50, p95, p99 = np.percentile(overhead, [50, 95, 99]) if overhead else (np.nan, np.nan, np.nan)
    return Report(
        wire=wire,
        conversations=count,
        seconds=seconds,
        asked=len(answers),
        answered_once=once,
        overhead_p50_ms=round(float(p50), 1),
        overhead_p95_ms=round(float(p95), 1),
        overhead_p99_ms=round(float(p99), 1),
        open_p95_ms=round(float(np.percentile(open_ms, 95)), 1),
        cpu_ms=round(1000 * (cores - idle_cores) / count, 2),
        idle_cores=round(idle_cores, 3),
        cores=round(cores, 2),
        memory_mb=round(memory_mb / count, 2),
        late_p99_ms=round(float(np.percentile(lateness, 99)), 1) if lateness else 0.0,
        errors=sum(len(caller.errors) for caller in callers),
        cut=cut,
    )


def show(reports: list[Report], console: Console) -> None:
    table = Table(title="Conversations held")
    for heading in (
        "wire",
        "talking",
        "held",
        "asked",
        "once",
        "p50",
        "p95",
        "p99",
        "open",
        "CPU ms",
        "cores",
        "MB",
        "late",
        "errors",
    ):
        table.add_column(heading, justify="right")
    for report in reports:
        held = "[green]yes[/]" if report.held else "[red]no[/]" if report.valid else "[yellow]client late[/]"
        row = (
            report.wire,
            report.conversations,
            held,
            report.asked,
            report.answered_once,
            report.overhead_p50_ms,
            report.overhead_p95_ms,
        )
        more = (report.overhead_p99_ms, report.open_p95_ms, report.cpu_ms, report.cores, report.memory_mb, report.late_p99_ms)
        table.add_row(*(str(cell) for cell in (*row, *more, report.errors + report.cut)))
    console.print(table)
    console.print("p50, p95, p99: milliseconds over the serial ideal; CPU: server's, beyond its idle cost.", style="dim")


def main(
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    conversations: Annotated[str, typer.Option(help="How many, one measurement each.")] = "1,25,50,100,150",
    wires: Annotated[str, typer.Option(help=f"Which wires, each measured at each number: {', '.join(WIRES)}.")] = "ws",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 30.0,
    out: Annotated[Path | None, typer.Option(help="File for the raw numbers.")] = None,
) -> None:
    console = Console(width=120)
    server = Server(url)
    before = sum(server.cpu_by_process().values())
    idle_s = 5.0
    time.sleep(idle_s)
    idle_cores = (sum(server.cpu_by_process().values()) - before) / idle_s
    console.print(f"idle: {idle_cores:.3f} cores")
    frames = {name: make_frames(WIRES[name]) for name in wires.split(",")}
    gc.disable()
    reports: list[Report] = []
    raw: list[dict[str, object]] = []
    for count, name in product([int(word) for word in conversations.split(",")], frames):
        report, details = uvloop.run(run(name, count, max(seconds, 3 * TURN_S), server, idle_cores, frames[name]))
        reports.append(report)
        raw.append(details)
        cost = f"{report.cpu_ms} ms CPU a conversation and second"
        console.print(f"{name} {count}: p95 {report.overhead_p95_ms} ms over, {cost}")
    show(reports, console)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"runs": raw}), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
