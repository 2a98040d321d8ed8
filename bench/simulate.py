"""How long simulated callers wait, and how many replicas they need: `python -m bench.simulate`.

It prints how full each pool is, the waits at each, and what a caller notices. `--search` looks for the smallest pools with
which 95 % wait no longer than a limit, for the stages of a turn and for each process. `--readme` repeats the load test of
`make bench` on paper, beside what was measured.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.capacity import MEASURED, scaled
from bench.plans import STAGES, Plan, Report, Stage
from bench.simulated_calls import simulate

BENCH = Path(__file__).parent / "results" / "bench.json"
POOLS = ("gateway", "shard", *STAGES)
"""Of which there may be more or fewer; every shard has a VAD actor."""
_MOST_TRIES = 60

LOAD_TEST = Plan(
    # Everybody asks every six seconds for as long as it takes, on two cores that the callers share.
    length_s=1e6,
    speech_s=3.1,
    reply_s=2.0,
    pause_s=0.5,
    spread=0.01,
    cores=2,
    client_ms=1.0,
    stages={
        "asr": Stage(50, 50, 0.0, slots=256),
        "llm": Stage(160, 160, 0.0, slots=256),
        "tts": Stage(50, 50, 0.0, slots=256),
    },
    seconds=120,
)
"""The callers of `make bench` on configs/bench.yaml; what they take of the cores themselves is a guess."""


def search(plan: Plan, limit_ms: float) -> tuple[Plan, Report] | None:
    """The smallest pools that keep the limit; None where more of them do not help."""
    found = _grow(_at_least(plan), limit_ms)
    if found is None:
        return None
    plan, report = found
    # A pool may have grown while another one was the matter.
    for name in POOLS:
        while _size(plan, name) > 1:
            less = _with(plan, name, -1)
            tried = simulate(less)
            if not _keeps(tried, limit_ms):
                break
            plan, report = less, tried
    return plan, report


def _grow(plan: Plan, limit_ms: float) -> tuple[Plan, Report] | None:
    """One more where waits are longest, until nobody waits too long."""
    for _ in range(_MOST_TRIES):
        report = simulate(plan)
        if _keeps(report, limit_ms):
            return plan, report
        plan = _with(plan, max(POOLS, key=lambda name: report.pools[name].p95_ms), 1)
    return None


def _keeps(report: Report, limit_ms: float) -> bool:
    """Of a turn's waits for stages all together, of waits for a process each."""
    return max(report.extra_p95_ms, *(report.pools[name].p95_ms for name in POOLS)) <= limit_ms


def _at_least(plan: Plan) -> Plan:
    """Pools that are not smaller than the work that comes, where nothing else holds it up."""
    turns = plan.conversations / (plan.speech_s + plan.reply_s + plan.pause_s + 0.5)
    for name, stage in plan.stages.items():
        held = turns * stage.calls * stage.hold_ms / 1000
        plan = _with(plan, name, max(1, int(held // stage.slots)) - stage.replicas)
    return plan


def _size(plan: Plan, name: str) -> int:
    return {"gateway": plan.gateways, "shard": plan.shards}.get(name) or plan.stages[name].replicas


def _with(plan: Plan, name: str, more: int) -> Plan:
    match name:
        case "gateway":
            return replace(plan, gateways=plan.gateways + more)
        case "shard":
            return replace(plan, shards=plan.shards + more)
        case _:
            stage = plan.stages[name]
            return replace(plan, stages=plan.stages | {name: replace(stage, replicas=stage.replicas + more)})


def show(plan: Plan, report: Report, console: Console) -> None:
    counts = {"cpu": f"{plan.cores} cores", "gateway": str(plan.gateways), "shard": str(plan.shards), "vad": str(plan.shards)}
    table = Table(title=f"{plan.conversations:,.0f} conversations on paper")
    for heading in ("pool", "how many", "full", "waits p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for name, waits in report.pools.items():
        stage = plan.stages.get(name)
        count = f"{stage.replicas} x {stage.slots}" if stage is not None else counts[name]
        times = (f"{number:.1f}" for number in (waits.p50_ms, waits.p95_ms, waits.p99_ms))
        table.add_row(name, count, f"{waits.utilisation:.0%}", *times)
    console.print(table)
    console.print(
        f"{report.turns} turns: voice to voice p50 {report.voice_p50_ms:.0f} ms, p95 {report.voice_p95_ms:.0f} ms; "
        f"over the ideal p50 {report.over_p50_ms:.0f} ms, p95 {report.over_p95_ms:.0f} ms; "
        f"waits for stages p95 {report.extra_p95_ms:.1f} ms"
    )


def beside_measured(path: Path = BENCH) -> list[tuple[int, float, float, Report]]:
    """Of each run of `make bench` on `/ws`: conversations, what was measured at p50 and p95, and the same on paper."""
    runs = json.loads(path.read_text(encoding="utf-8"))["servers"]["parley"]["reports"]
    return [
        (
            run["conversations"],
            run["overhead_p50_ms"],
            run["overhead_p95_ms"],
            simulate(replace(LOAD_TEST, conversations=run["conversations"])),
        )
        for run in runs
        if run["wire"] == "ws" and run["overhead_p50_ms"] is not None
    ]


def show_beside(console: Console) -> None:
    table = Table(title="Over the ideal, milliseconds")
    for heading in ("conversations", "p50 measured", "on paper", "p95 measured", "on paper", "cores full on paper"):
        table.add_column(heading, justify="right")
    for count, p50, p95, report in beside_measured():
        numbers = (f"{p50:.0f}", f"{report.over_p50_ms:.0f}", f"{p95:.0f}", f"{report.over_p95_ms:.0f}")
        table.add_row(str(count), *numbers, f"{report.pools['cpu'].utilisation:.0%}")
    console.print(table)


_PLAN = Plan()
_FORM = "FIRST_MS,HOLD_MS,TAIL,REPLICAS,SLOTS,CALLS"


def _stage(name: str, words: str) -> Stage:
    kinds = (float, float, float, int, int, float)
    given = words.split(",") if words else []
    try:
        values = [kind(word) for kind, word in zip(kinds, given, strict=False)]
    except ValueError:
        raise typer.BadParameter(f"{name} is {_FORM}, or its beginning, such as 50,50,0.3") from None
    names = ("first_ms", "hold_ms", "tail", "replicas", "slots", "calls")
    stage = replace(_PLAN.stages[name], **dict(zip(names, values, strict=False)))
    if stage.first_ms <= 0 or stage.tail < 0 or min(stage.replicas, stage.slots, stage.calls) < 1:
        raise typer.BadParameter(f"{name} needs a first answer that takes time, and a replica, a slot and a call at least")
    return stage


def main(
    conversations: Annotated[float, typer.Option(min=1, help="At once, on average.")] = _PLAN.conversations,
    cores: Annotated[int, typer.Option(min=1, help="Cores of the whole cell.")] = _PLAN.cores,
    gateways: Annotated[int, typer.Option(min=1, help="Gateway replicas.")] = _PLAN.gateways,
    shards: Annotated[int, typer.Option(min=1, help="Shards; each gateway talks with all of them.")] = _PLAN.shards,
    cpu_ms: Annotated[float | None, typer.Option(min=0.01, help="CPU of one further conversation, all processes.")] = None,
    asr: Annotated[str, typer.Option(help=f"Recognition: {_FORM}; the rest as it is.")] = "",
    llm: Annotated[str, typer.Option(help=f"Reply: {_FORM}; the rest as it is.")] = "",
    tts: Annotated[str, typer.Option(help=f"Speech: {_FORM}; the rest as it is.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="Simulated time that is measured.")] = _PLAN.seconds,
    seed: Annotated[int, typer.Option(help="Another number draws other callers.")] = _PLAN.seed,
    limit_ms: Annotated[
        float, typer.Option("--search", min=0, help="Find the smallest pools with which p95 waits no longer.")
    ] = 0,
    readme: Annotated[bool, typer.Option("--readme", help="The load test on paper, beside what was measured.")] = False,
) -> None:
    console = Console(width=120)
    if readme:
        show_beside(console)
        return
    stages = {name: _stage(name, words) for name, words in (("asr", asr), ("llm", llm), ("tts", tts))}
    plan = Plan(
        conversations=conversations,
        cores=cores,
        gateways=gateways,
        shards=shards,
        costs=MEASURED if cpu_ms is None else scaled(MEASURED, cpu_ms),
        stages=stages,
        seconds=seconds,
        seed=seed,
    )
    found = search(plan, limit_ms) if limit_ms else (plan, simulate(plan))
    if found is None:
        console.print(f"no number of replicas keeps p95 below {limit_ms:g} ms")
        raise typer.Exit(1)
    show(*found, console)


if __name__ == "__main__":
    typer.run(main)
