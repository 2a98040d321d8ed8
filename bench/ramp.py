"""Callers come one after another until the server is full: `python -m bench.ramp`, which starts a server of its own.

What is measured, and how, stands in bench.arrivals; `make bench` ends with it.
"""

import gc
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench.arrivals import COMERS, COMING_S, TALKING_ON_S, arrivals
from bench.measure import LEAST_S, Base, make_turn, run
from bench.server import Server, serving
from bench.tables import arriving
from bench.wires import WIRES

_WARM_UP = 5


def main(
    callers: Annotated[int, typer.Option(help="How many come.")] = COMERS,
    seconds: Annotated[float, typer.Option(help="Time in which they come.")] = COMING_S,
    talking_on: Annotated[float, typer.Option(help="Seconds for which those inside talk on.")] = TALKING_ON_S,
    set: Annotated[list[str] | None, typer.Option(help="A setting of the server, as in server.most_lag_ms=60.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the numbers.")] = None,
) -> None:
    console = Console(width=max(Console().width, 128))
    turn = make_turn(WIRES["ws"])
    gc.disable()
    with serving("bench.yaml", *(set or ())) as running:
        uvloop.run(run("ws", _WARM_UP, LEAST_S, Server.parley(running.url), Base(0.0, 0.0), turn))
        ramp = uvloop.run(arrivals(running.url, turn, callers, seconds, talking_on))
    console.print(arriving(ramp))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(asdict(ramp), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
