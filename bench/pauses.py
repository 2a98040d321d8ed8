"""When a turn is taken to have ended, with speakers who pause inside sentences: `python -m bench.pauses`.

Each rule hears the same speech (bench.pausing_speakers, bench.listening). A turn is cut too early when it ends before the last
sound; the wait is from the last sound to the decision. `--held-out` takes sentences that no rule was made for.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bench.listening import Call, Heard, Recogniser, probabilities
from bench.pausing_speakers import HELD_OUT, MAIN, Speech, speeches
from pipeline.flow import load_flow
from pipeline.loading import load_config

RULES = {
    "fixed 200": ("turn.detection=server_vad", "turn.silence_ms=200"),
    "fixed 500": ("turn.detection=server_vad", "turn.silence_ms=500"),
    "fixed 800": ("turn.detection=server_vad", "turn.silence_ms=800"),
    "adaptive": ("turn.detection=semantic_vad",),
}
BASE = ("conversation.greeting=false", "conversation.speculation=false")
_SEED = 3


@dataclass(frozen=True, slots=True)
class Waits:
    """From the last sound to the decision, in milliseconds."""

    mean: int
    p50: int
    p95: int


@dataclass(frozen=True, slots=True)
class Report:
    """One rule over many sentences."""

    rule: str
    language: str
    turns: int
    cut: int
    whole: Waits | None
    """Of turns that were not cut, if there are any."""
    every: Waits | None
    """Of all turns, each at its last end."""

    @property
    def cut_share(self) -> float:
        return self.cut / self.turns


def listen(said: Sequence[Speech], recogniser: Recogniser) -> dict[str, list[Heard]]:
    """Every rule hears every sentence."""
    judged = probabilities(said)
    results: dict[str, list[Heard]] = {}
    for rule, settings in RULES.items():
        config = load_config(None, (*BASE, *settings), {})
        flow = load_flow(config.flows_dir, config.conversation.flow)
        for language in {speech.sentence.language for speech in said} if not results else ():
            recogniser.warm_up(language, flow.expected(language, {}), said[0].samples)
        results[rule] = [
            Call(config, flow, speech, recogniser).run(windows) for speech, windows in zip(said, judged, strict=True)
        ]
    return results


def reports(rule: str, heard: list[Heard]) -> list[Report]:
    return [_report(rule, language, heard) for language in ("en", "es", "both")]


def _report(rule: str, language: str, heard: list[Heard]) -> Report:
    ours = [one for one in heard if language in ("both", one.language)]
    whole, every = _waits([one.wait_ms for one in ours if not one.cut]), _waits([one.wait_ms for one in ours])
    return Report(rule, language, len(ours), sum(one.cut for one in ours), whole, every)


def _waits(ms: list[int]) -> Waits | None:
    if not ms:
        return None
    p50, p95 = np.percentile(ms, [50, 95]).tolist()
    return Waits(round(statistics.fmean(ms)), round(p50), round(p95))


def show(title: str, rows: list[Report], console: Console) -> None:
    table = Table(title=title)
    table.add_column("rule")
    for heading in ("", "turns", "cut", "share", "wait", "p50", "p95", "all", "p50", "p95"):
        table.add_column(heading, justify="right")
    for row in rows:
        waits = [cell for waits in (row.whole, row.every) for cell in (astuple(waits) if waits else ("-", "-", "-"))]
        cells = (row.rule, row.language, row.turns, row.cut, f"{row.cut_share:.1%}", *waits)
        both = row.language == "both"
        table.add_row(*map(str, cells), style="bold" if both else "", end_section=both)
    console.print(table)
    console.print("Milliseconds from the last sound to the decision: of turns that were not cut, and of all at their last end.")


def main(
    held_out: Annotated[bool, typer.Option("--held-out", help="Takes the sentences that no rule was made for.")] = False,
    asr_ms: Annotated[int | None, typer.Option(help="Recognition takes so long, whatever was measured.")] = None,
    wall: Annotated[bool, typer.Option("--wall", help="Recognition takes the clock's time, not the processor's.")] = False,
    seed: Annotated[int, typer.Option(help="For speeds, pauses and noise.")] = _SEED,
    verbose: Annotated[bool, typer.Option("--verbose", help="Shows what the adaptive rule did with each sentence.")] = False,
    out: Annotated[Path, typer.Option(help="File for the raw numbers.")] = Path("bench/results/pauses.json"),
) -> None:
    console = Console()
    name = "held out" if held_out else "main"
    recogniser = Recogniser(asr_ms, wall)
    heard = listen(speeches(HELD_OUT if held_out else MAIN, seed + held_out), recogniser)
    rows = [row for rule, ones in heard.items() for row in reports(rule, ones)]
    if verbose:
        _tell(heard["adaptive"], console)
    show(f"Turns of speakers who pause ({len(heard['adaptive'])} sentences, {name})", rows, console)
    cpu_ms, wall_ms = round(statistics.median(recogniser.cpu_ms)), round(statistics.median(recogniser.wall_ms))
    taken = f"taken as {asr_ms} ms" if asr_ms is not None else f"taken as the {'clock' if wall else 'processor'} says"
    console.print(f"Recognition took {cpu_ms} ms of the processor and {wall_ms} ms of the clock (medians), {taken}.")
    recognition = {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "fixed_ms": asr_ms, "by_the_clock": wall}
    raw = {rule: [asdict(one) for one in ones] for rule, ones in heard.items()}
    _keep(out, name, {"recognition": recognition, "seed": seed, "reports": [asdict(row) for row in rows], "raw": raw})


def _tell(heard: list[Heard], console: Console) -> None:
    for one in heard:
        console.print(f"{'CUT' if one.cut else '   '} {one.ends_ms} {one.pauses_ms} {one.text}", highlight=False, markup=False)
        for look in one.looks:
            trust = "" if look.confidence is None else f"{look.confidence:.2f}"
            times = f"{look.asked_ms:>6} {look.came_ms:>6} -> {look.silence_ms:>4}"
            console.print(f"        {times} {trust:>4} {look.words}", highlight=False)


def _keep(path: Path, name: str, results: dict[str, object]) -> None:
    """Beside the other set's, if they are there."""
    kept: dict[str, object] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept | {name: results}, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
