"""How many machines so many conversations need, and which part is full first: `python -m bench.capacity`.

All of it is arithmetic on `Inputs`, which is the one place where figures stand; each says whether it was measured, is set in
the configuration, is public, or is a guess to be replaced. `docs/capacity.md` shows what this prints.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_MOST_SHARDS = 600
_FRAME_S = 0.02
_CHUNK_S = 0.2
_FIRST_TURN_S = 6


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one kind of process, in milliseconds a second (1000 is a core)."""

    each: float
    """For each conversation."""
    once: float = 0.0
    """For the process itself, once it has any."""
    link: float = 0.0
    """For each process at the other end of a link; a gateway and a shard have one with each other, with its ticks."""


@dataclass(frozen=True, slots=True)
class Model:
    """A stage on GPUs."""

    calls: float
    """Requests a turn, those for early and unused answers included."""
    hold_ms: float
    """How long a request keeps its slot."""
    slots: int
    """Requests at once on one GPU, with which it still answers within its share of the budget."""


MEASURED = {
    "gateway": Cost(each=0.98, once=14, link=6),
    "shard": Cost(each=0.82, once=18, link=8),
    "vad": Cost(each=1.03, once=28),
    "haproxy": Cost(each=0.71, once=13),
    "stages": Cost(each=0.36),
    "rest": Cost(each=0.03),
}
"""Measured (`make bench`, lines through bench/results/bench.json); `rest` is Ray's own."""

_LINK_SHARE = 0.3
"""Guess: of what a process takes without conversations, the part that each link adds. Measured for gateways only, roughly, when
parts still talked by Ray calls; not measured anew over lines."""

GUESSED_MODELS = {
    "asr": Model(calls=3, hold_ms=50, slots=16),
    "llm": Model(calls=1.3, hold_ms=800, slots=64),
    "tts": Model(calls=3, hold_ms=150, slots=16),
}
"""Guesses: small models, requests batched. Measure yours."""


@dataclass(frozen=True, slots=True)
class Inputs:
    costs: dict[str, Cost] = field(default_factory=lambda: dict(MEASURED))
    idle_cores: float = 0.13
    """Measured: what an idle server takes, Ray and Serve and HAProxy together."""
    models: dict[str, Model] = field(default_factory=lambda: dict(GUESSED_MODELS))
    turn_s: float = 10.0
    """Guess: seconds from one turn of a caller to the next."""
    talk_share: float = 0.4
    """Guess: share of the time in which reply audio flows."""
    length_s: float = 180.0
    """Guess: seconds that a conversation lasts."""
    wire: str = "realtime"
    """Choice: `ws` (16 kHz in, 24 kHz out, binary) or `realtime` (24 kHz both ways, base64 in JSON)."""
    node_cores: int = 16
    """Choice: cores of a node for conversations."""
    node_gbit: float = 10.0
    """Guess: network of a node, each way."""
    node_gpus: int = 8
    """Choice: GPUs of a node for models."""
    utilisation: float = 0.65
    """Choice: how full anything may be in the busiest hour."""
    spare: int = 1
    """Choice: nodes of each kind that a cell has beyond what it needs."""
    tick_ms: float = 20.0
    """Set: `buffer.tick_ms`."""
    links: int = 0
    """As the code is: shards that one gateway talks with; 0 for all."""
    proxies: int = 1
    """Choice: nodes of a cell at which callers arrive. Serve runs an HAProxy on each; something before them chooses."""
    connections: int = 4_096
    """Set: connections that one HAProxy takes (RAY_SERVE_HAPROXY_MAXCONN; Serve's default)."""
    proxy_threads: int = 4
    """Set: threads of one HAProxy."""
    replicas: int = 2_000
    """Public: Serve replicas of a cell. Ray's own controller benchmark goes to thousands of idle ones."""
    redis_ops: int = 100_000
    """Public: commands a second of one Redis, the order of what its own benchmark shows without pipelines."""
    largest_cell: int = 10_000
    """Choice: conversations that the loss of one cell may cut."""


@dataclass(frozen=True, slots=True)
class Limit:
    part: str
    conversations: int
    """With which it is as full as it may be."""
    then: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What so many conversations take."""

    conversations: int
    cells: int
    gateways: int
    shards: int
    nodes: int
    gpus: int
    gpu_nodes: int
    gbit: float
    """Both ways together, between callers and cells."""
    redis_ops: float
    first: str
    """The part that decides how large a cell may be."""


def mesh(inputs: Inputs, conversations: float) -> tuple[int, int] | None:
    """The fewest gateways and shards, each with its VAD actor, none fuller than it may be; None where links are too much."""
    most = 1000 * inputs.utilisation
    gateway, shard, vad = (inputs.costs[name] for name in ("gateway", "shard", "vad"))
    often = 20 / inputs.tick_ms
    best: tuple[int, int] | None = None
    for shards in range(1, _MOST_SHARDS):
        links = min(inputs.links or shards, shards)
        left = most - gateway.once - links * gateway.link * often
        if left <= 0:
            break
        # Links are spread evenly, and every shard has one at least.
        gateways = max(math.ceil(conversations * gateway.each / left), math.ceil(shards / links))
        share = gateways * links / shards
        taken = shard.once + share * shard.link * often + conversations / shards * shard.each
        heard = vad.once + conversations / shards * vad.each
        if max(taken, heard) <= most and (best is None or gateways + shards < sum(best)):
            best = (gateways, shards)
    return best


def cores(inputs: Inputs, conversations: float, gateways: int, shards: int) -> float:
    """CPU of one cell beside its models."""
    costs, often = inputs.costs, 20 / inputs.tick_ms
    links = gateways * min(inputs.links or shards, shards)
    each = conversations * sum(cost.each for cost in costs.values())
    ticks = links * (costs["gateway"].link + costs["shard"].link) * often
    once = gateways * costs["gateway"].once + shards * (costs["shard"].once + costs["vad"].once) + costs["haproxy"].once
    return (each + ticks + once) / 1000 + inputs.idle_cores


def gpus(inputs: Inputs, conversations: float) -> int:
    turns = conversations / inputs.turn_s
    held = {name: turns * model.calls * model.hold_ms / 1000 for name, model in inputs.models.items()}
    return sum(math.ceil(held[name] / model.slots / inputs.utilisation) for name, model in inputs.models.items())


def kbit(inputs: Inputs) -> tuple[float, float]:
    """A conversation's traffic from the caller and, on average, to it. Headers count: 66 bytes of a packet, and the JSON."""
    up_rate, letters, json_bytes = (24_000, 4 / 3, 55) if inputs.wire == "realtime" else (16_000, 1.0, 0)
    up = 2 * up_rate * letters + (66 + 8 + json_bytes) / _FRAME_S
    down = 2 * 24_000 * letters + (66 + 8 + 4 * json_bytes) / _CHUNK_S
    return 8 * up / 1000, 8 * down * inputs.talk_share / 1000


def redis_ops(inputs: Inputs, conversations: float) -> float:
    """A lease is renewed every ten seconds; to come and to go takes thirteen commands, those within scripts included."""
    return conversations * (1 / 10 + 13 / inputs.length_s)


def limits(inputs: Inputs) -> list[Limit]:
    """Where each part of one cell is full, the first one first."""
    full, up, down = inputs.utilisation, *kbit(inputs)
    proxy_ms = inputs.costs["haproxy"].each
    probe = 10_000
    density = gpus(inputs, probe) / probe + inputs.costs["gateway"].each / 1000 / full
    found = [
        Limit("links between gateways and shards", _fullest_mesh(inputs), "fewer shards for each gateway, or longer ticks"),
        Limit("HAProxy's connections", int(inputs.proxies * inputs.connections * full), "RAY_SERVE_HAPROXY_MAXCONN"),
        Limit("HAProxy's CPU", int(inputs.proxies * inputs.proxy_threads * 1000 * full / proxy_ms), "proxies on more nodes"),
        Limit("network of a proxy's node", int(inputs.proxies * inputs.node_gbit * 1e6 * full / (up + down)), "the same"),
        Limit("Serve's controller", int(inputs.replicas / density), "larger replicas, or another cell"),
        Limit("what a cell's loss may cut", inputs.largest_cell, "another cell"),
        Limit("Redis, of all cells", int(inputs.redis_ops * full / redis_ops(inputs, 1)), "one for each part of the keys"),
    ]
    return sorted(found, key=lambda limit: limit.conversations)


def _fullest_mesh(inputs: Inputs) -> int:
    return _most(lambda conversations: mesh(inputs, conversations) is not None)


def _most(holds: Callable[[int], bool]) -> int:
    """The largest number for which it holds, up to a million."""
    low, high = 0, 1_000_000
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def need(inputs: Inputs, conversations: int) -> Need:
    first = limits(inputs)[0]
    if not first.conversations:
        raise ValueError(f"no conversation fits in a cell: {first.part}; let it be fuller, or make conversations cheaper")
    cells = math.ceil(conversations / first.conversations)
    each = conversations / cells
    gateways, shards = mesh(inputs, each) or (0, 0)
    nodes = math.ceil(cores(inputs, each, gateways, shards) / inputs.node_cores / inputs.utilisation) + inputs.spare
    cards = gpus(inputs, each)
    return Need(
        conversations=conversations,
        cells=cells,
        gateways=cells * gateways,
        shards=cells * shards,
        nodes=cells * nodes,
        gpus=cells * cards,
        gpu_nodes=cells * (math.ceil(cards / inputs.node_gpus) + inputs.spare),
        gbit=conversations * sum(kbit(inputs)) / 1e6,
        redis_ops=redis_ops(inputs, conversations),
        first=first.part,
    )


def scaled(costs: dict[str, Cost], cpu_ms: float) -> dict[str, Cost]:
    """The same costs, with so much in all for a further conversation."""
    times = cpu_ms / sum(cost.each for cost in costs.values())
    return {name: replace(cost, each=cost.each * times) for name, cost in costs.items()}


@dataclass(frozen=True, slots=True)
class Run:
    """What so many conversations took, in cores."""

    conversations: int
    cores: float
    """Of all processes, beyond those of an idle server."""
    by_program: dict[str, float]


def fitted(runs: list[Run]) -> dict[str, Cost]:
    """Costs out of measurements: a line through them for each kind of process."""
    counts = [run.conversations for run in runs]
    if len(set(counts)) < 2:
        raise ValueError("costs need runs with two different numbers of conversations at least")

    def line(cores: list[float]) -> tuple[float, float]:
        each, once = np.polyfit(counts, [1000 * taken for taken in cores], 1)
        return float(each), max(float(once), 0.0)

    def taken(*titles: str) -> list[float]:
        # Names may begin with a process's number, and Ray's end with what an actor does.
        wanted = re.compile(rf"(^|[ :])({'|'.join(titles)})($|\.)")
        return [sum(cores for name, cores in run.by_program.items() if wanted.search(name)) for run in runs]

    gateway, shard = line(taken("gateway")), line(taken("BufferActor"))
    costs = {
        "gateway": Cost(gateway[0], (1 - _LINK_SHARE) * gateway[1], _LINK_SHARE * gateway[1]),
        "shard": Cost(shard[0], (1 - _LINK_SHARE) * shard[1], _LINK_SHARE * shard[1]),
        "vad": Cost(*line(taken("VADActor"))),
        "haproxy": Cost(*line(taken("bi", "haproxy"))),
        "stages": Cost(line(taken("asr", "llm", "tts"))[0]),
    }
    total = line([run.cores for run in runs])[0]
    return costs | {"rest": Cost(max(total - sum(cost.each for cost in costs.values()), 0.0))}


def table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def show_limits(inputs: Inputs) -> str:
    rows = [[limit.part, f"{limit.conversations:,}", limit.then] for limit in limits(inputs)]
    return table(["part of a cell", "full with", "what to do then"], rows)


def show_needs(inputs: Inputs) -> str:
    rows: list[list[str]] = []
    for size in SIZES:
        one = need(inputs, size)
        counts = (one.conversations, one.cells, one.gateways, one.shards, one.nodes, one.gpus, one.gpu_nodes)
        rows.append([*(f"{number:,}" for number in counts), f"{one.gbit:,.1f}", f"{one.redis_ops:,.0f}"])
    headings = ["conversations", "cells", "gateways", "shards", f"{inputs.node_cores}-core nodes", "GPUs"]
    return table([*headings, f"{inputs.node_gpus}-GPU nodes", "Gbit/s", "Redis a second"], rows)


def read_costs(path: Path, wire: str) -> dict[str, Cost]:
    """Out of what `make bench` or `python -m bench.load` has written; runs of before wires were noted count for any."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        runs = _of_load(kept["runs"], wire) if "runs" in kept else _of_suite(kept, wire)
    except (AttributeError, KeyError, TypeError):
        raise ValueError(f"{path} holds no raw numbers of make bench or bench.load") from None
    if not runs:
        raise ValueError(f"{path} holds no runs of the wire {wire}; --wire chooses another")
    return fitted(runs)


def _of_load(kept: list[dict[str, Any]], wire: str) -> list[Run]:
    # The first turn's time is not measured.
    return [
        _run(run["report"], {name: s / (run["report"]["seconds"] - _FIRST_TURN_S) for name, s in run["cpu_s"].items()})
        for run in kept
        if run["report"].get("wire", wire) == wire
    ]


def _of_suite(kept: dict[str, Any], wire: str) -> list[Run]:
    by_program = kept["cores_by_program"]["Parley"]
    reports = [report for report in kept["servers"]["parley"]["reports"] if report["wire"] == wire]
    return [_run(report, by_program[str(report["conversations"])]) for report in reports]


def _run(report: dict[str, Any], by_program: dict[str, float]) -> Run:
    return Run(report["conversations"], report["cores"] - report["idle_cores"], by_program)


_DEFAULT = Inputs()
_FILE = typer.Option(help="Raw numbers of make bench, or of bench.load, to take costs from.", exists=True, dir_okay=False)
_FULL = typer.Option(min=0.01, max=1, help="How full anything may be.")


def main(
    cpu_ms: Annotated[float | None, typer.Option(min=0.01, help="CPU of one further conversation, all processes.")] = None,
    load: Annotated[Path | None, _FILE] = None,
    wire: Annotated[str, typer.Option(help="ws or realtime.")] = _DEFAULT.wire,
    node_cores: Annotated[int, typer.Option(min=1, help="Cores of a node.")] = _DEFAULT.node_cores,
    utilisation: Annotated[float, _FULL] = _DEFAULT.utilisation,
    turn_s: Annotated[float, typer.Option(min=0.1, help="Seconds between a caller's turns.")] = _DEFAULT.turn_s,
    tick_ms: Annotated[float, typer.Option(min=1, help="buffer.tick_ms")] = _DEFAULT.tick_ms,
    links: Annotated[int, typer.Option(min=0, help="Shards of one gateway; 0 for all.")] = _DEFAULT.links,
    proxies: Annotated[int, typer.Option(min=1, help="Nodes of a cell at which callers arrive.")] = _DEFAULT.proxies,
    connections: Annotated[int, typer.Option(min=1, help="Connections of one HAProxy.")] = _DEFAULT.connections,
    largest_cell: Annotated[int, typer.Option(min=1, help="Conversations of a cell at most.")] = _DEFAULT.largest_cell,
) -> None:
    if wire not in ("ws", "realtime"):
        raise typer.BadParameter("wire is ws or realtime")
    try:
        costs = dict(MEASURED) if load is None else read_costs(load, wire)
        inputs = replace(
            _DEFAULT,
            costs=costs if cpu_ms is None else scaled(costs, cpu_ms),
            wire=wire,
            node_cores=node_cores,
            utilisation=utilisation,
            turn_s=turn_s,
            tick_ms=tick_ms,
            links=links,
            proxies=proxies,
            connections=connections,
            largest_cell=largest_cell,
        )
        typer.echo(f"{show_limits(inputs)}\n\n{show_needs(inputs)}")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
