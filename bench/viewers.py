"""What open dashboards cost a server whose callers talk: `python -m bench.viewers`.

Everybody talks the whole time, while dashboards are opened and closed again: slices without, with, with, without, and so on, so
that a machine which grows slower or faster meanwhile changes both alike. The dashboards are read here and not drawn, as a
browser draws on a machine of its own.
"""

import asyncio
import gc
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated
from urllib.parse import urlsplit

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench.measure import TURN_S, Base, Report, Turn, cores_over, make_turn, run
from bench.server import Server, serving
from bench.wires import WIRES

_MOST_PERCENT = 3.0
_BEGIN_S = 2 * TURN_S
"""Until all have come and talk."""
_SETTLE_S = 3.0
"""Between two slices: dashboards get their history at first, which is counted with none."""
_PATH = "/dashboard/events"


@dataclass(frozen=True, slots=True)
class Slice:
    viewers: int
    cores: float


@dataclass(frozen=True, slots=True)
class Result:
    slices: list[Slice]
    report: Report

    def cores(self, *, watched: bool) -> float:
        return mean(slice.cores for slice in self.slices if bool(slice.viewers) is watched)

    @property
    def percent(self) -> float:
        """How much more the server takes while it is watched."""
        return 100 * (self.cores(watched=True) / self.cores(watched=False) - 1)

    @property
    def held(self) -> bool:
        return self.percent <= _MOST_PERCENT


def order(pairs: int, viewers: int) -> list[int]:
    """Viewers in each slice: none first, then last, then first."""
    return [count for pair in range(pairs) for count in ((0, viewers) if pair % 2 == 0 else (viewers, 0))]


async def view(url: str) -> None:
    """Reads a dashboard's stream, and asks again whenever it ends."""
    parts = urlsplit(url)
    request = f"GET {_PATH} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    while True:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(request)
            status = await reader.readline()
            if b" 200 " not in status:
                raise ConnectionError(f"{_PATH}: {status.decode().strip()}")
            while await reader.read(65_536):
                pass
        finally:
            writer.close()


async def cost(server: Server, viewers: int, seconds: float) -> Slice:
    watching = [asyncio.create_task(view(server.url)) for _ in range(viewers)]
    try:
        await asyncio.sleep(_SETTLE_S)
        cores = await cores_over(server, seconds)
        for task in watching:
            if task.done():
                task.result()
        return Slice(viewers, round(cores, 4))
    finally:
        for task in watching:
            task.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await asyncio.gather(*watching)


async def measure(server: Server, conversations: int, viewers: int, pairs: int, seconds: float, turn: Turn) -> Result:
    lasts_s = _BEGIN_S + 2 * pairs * (seconds + _SETTLE_S) + TURN_S
    talking = asyncio.create_task(run("ws", conversations, lasts_s, server, Base(0.0, 0.0), turn))
    await asyncio.sleep(_BEGIN_S)
    slices = [await cost(server, count, seconds) for count in order(pairs, viewers)]
    return Result(slices, (await talking).report)


def show(result: Result, console: Console) -> None:
    table = Table(title=f"{result.report.conversations} conversations, and dashboards open beside them")
    for heading in ("dashboards", "server's cores, slice by slice", "mean"):
        table.add_column(heading, justify="right")
    for watched in (False, True):
        slices = [slice for slice in result.slices if bool(slice.viewers) is watched]
        each = "  ".join(f"{slice.cores:.3f}" for slice in slices)
        table.add_row(str(slices[0].viewers), each, f"{result.cores(watched=watched):.3f}")
    console.print(table)
    verdict = "held" if result.held else "MISSED"
    console.print(f"{result.percent:+.1f} % (at most {_MOST_PERCENT:.0f} %): {verdict}")
    if not result.report.valid:
        console.print(
            f"the callers were late by {result.report.late_p99_ms} ms: measure again on a quieter machine", style="yellow"
        )


def main(
    conversations: Annotated[int, typer.Option(help="How many talk.")] = 100,
    viewers: Annotated[int, typer.Option(help="Dashboards that are opened.")] = 10,
    pairs: Annotated[int, typer.Option(help="Slices with and without them.")] = 4,
    seconds: Annotated[float, typer.Option(help="Length of a slice.")] = 20.0,
    out: Annotated[Path | None, typer.Option(help="File for the numbers.")] = None,
) -> None:
    console = Console(width=120)
    turn = make_turn(WIRES["ws"])
    gc.disable()
    with serving("bench.yaml") as running:
        result = uvloop.run(measure(Server.parley(running.url), conversations, viewers, pairs, seconds, turn))
    show(result, console)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
