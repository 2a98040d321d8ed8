"""What it gives, and what it costs, to prepare replies before a turn has surely ended: `python -m bench.speculation`.

Two servers, one after the other, with the same simulated providers and the same callers: speculation off, then on. Voice to
voice is the time from the last sound of the question to the first sound of the reply.
"""

import gc
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.measure import IDEAL_MS, LEAST_S, Base, Turn, make_turn, run
from bench.server import Running, Server, serving
from bench.wires import WIRES

_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    speculation: bool
    conversations: int
    turns: int
    answered_once: int
    voice_to_voice_p50_ms: float
    voice_to_voice_p95_ms: float
    calls: float
    """Requests to providers."""
    calls_a_turn: float
    wasted_calls: float
    wasted_s: float


def books(server: Running, at_least: int) -> dict[str, Any]:
    """The server's own books, once all callers so far have come and gone."""
    end = time.monotonic() + _LIMIT_S
    while time.monotonic() < end:
        _, health = server.health()
        if health["sessions"]["active"] == 0 and health["sessions"]["total"] >= at_least:
            return health["speculation"]
    raise RuntimeError("the callers did not leave the server")


def measure(on: bool, counts: list[int], seconds: float, turn: Turn) -> list[Result]:
    results: list[Result] = []
    came = 0
    with serving("bench.yaml", f"conversation.speculation={str(on).lower()}") as server:
        counted, at_rest = Server.parley(server.url), Base(0.0, 0.0)
        # The first turns of a server warm it up and belong to nobody's figures.
        uvloop.run(run("ws", 1, LEAST_S, counted, at_rest, turn))
        for count in counts:
            came += 1 if not results else results[-1].conversations
            before = books(server, came)
            measured = uvloop.run(run("ws", count, max(seconds, LEAST_S), counted, at_rest, turn))
            report = measured.report
            after = books(server, came + count)
            times = [ms for ms, _ in measured.turns]
            spent = {key: after[key] - before[key] for key in ("calls", "wasted_calls", "wasted_s")}
            p50, p95 = np.percentile(times, [50, 95])
            calls_a_turn = round(spent["calls"] / max(report.asked, 1), 2)
            results.append(
                Result(on, count, report.asked, report.answered_once, float(p50), float(p95), spent["calls"], calls_a_turn,
                       spent["wasted_calls"], round(spent["wasted_s"], 2))
            )  # fmt: skip
    return results


def show(results: list[Result], console: Console) -> None:
    table = Table(title=f"Replies prepared ahead (the serial ideal is {IDEAL_MS} ms)")
    for heading in ("conversations", "speculation", "turns", "answered once", "voice to voice p50", "p95"):
        table.add_column(heading, justify="right")
    for heading in ("provider calls a turn", "wasted calls", "wasted s"):
        table.add_column(heading, justify="right")
    for result in sorted(results, key=lambda result: (result.conversations, result.speculation)):
        row = (result.conversations, "on" if result.speculation else "off", result.turns, result.answered_once)
        times = (f"{result.voice_to_voice_p50_ms:.0f} ms", f"{result.voice_to_voice_p95_ms:.0f} ms")
        costs = (result.calls_a_turn, f"{result.wasted_calls:.0f}", result.wasted_s)
        table.add_row(*(str(cell) for cell in (*row, *times, *costs)))
    console.print(table)


def main(
    conversations: Annotated[str, typer.Option(help="How many, one measurement each.")] = "1,50",
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 60.0,
    out: Annotated[Path, typer.Option(help="File for the numbers.")] = Path("bench/results/speculation.json"),
) -> None:
    console = Console(width=128)
    turn = make_turn(WIRES["ws"])
    gc.disable()
    counts = [int(word) for word in conversations.split(",")]
    results: list[Result] = []
    for on in (False, True):
        console.print(f"measuring with speculation {'on' if on else 'off'} ...", style="dim")
        results += measure(on, counts, seconds, turn)
    show(results, console)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
