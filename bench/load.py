"""How many conversations a server holds, and what each costs: `python -m bench.load`, beside a running server.

What is measured, and how, stands in bench.measure; `make bench` starts its own servers and compares Parley with the floor.
"""

import gc
import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.measure import LEAST_S, TURN_S, Measured, Report, base, make_turn, run
from bench.server import Server
from bench.tables import held, number
from bench.wires import WIRES

_IDLE_S = 5.0
_HEADINGS = ("wire", "talking", "held", "asked", "once", "p50", "p95", "p99", "open", "CPU ms", "cores", "MB", "late", "errors")


def show(reports: list[Report], console: Console) -> None:
    table = Table(title="Conversations held")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for report in reports:
        turns = (report.wire, report.conversations, held(report), report.asked, report.answered_once)
        overhead = (report.overhead_p50_ms, report.overhead_p95_ms, report.overhead_p99_ms)
        costs = (report.open_p95_ms, report.cpu_ms)
        figures = (*map(number, (*overhead, *costs)), number(report.cores, 2), number(report.memory_mb, 2))
        table.add_row(*map(str, turns), *figures, number(report.late_p99_ms), str(report.errors + report.cut + report.unopened))
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
    server = Server.parley(url)
    if not server.snapshot().spent:
        console.print(f"{url} is no Parley server that you started here, so its CPU and memory are not counted", style="yellow")
    at_rest = uvloop.run(base(server, _IDLE_S))
    console.print(f"idle: {at_rest.idle_cores:.3f} cores")
    turns = {name: make_turn(WIRES[name]) for name in wires.split(",")}
    gc.disable()
    runs: list[Measured] = []
    for count, name in product([int(word) for word in conversations.split(",")], turns):
        measured = uvloop.run(run(name, count, max(seconds, LEAST_S), server, at_rest, turns[name]))
        runs.append(measured)
        cost = f"{measured.report.cpu_ms} ms CPU a conversation and second"
        console.print(f"{name} {count}: p95 {number(measured.report.overhead_p95_ms)} ms over, {cost}")
    show([measured.report for measured in runs], console)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"runs": [_raw(measured) for measured in runs]}), encoding="utf-8")


def _raw(measured: Measured) -> dict[str, object]:
    """The time that each program took lasts from the end of the first turn's time on."""
    cpu_s = {name: round(cores * (measured.report.seconds - TURN_S), 2) for name, cores in measured.cores_by_program.items()}
    return {"report": asdict(measured.report), "cpu_s": cpu_s, "turns": measured.turns}


if __name__ == "__main__":
    typer.run(main)
