"""Parts of a server die under talking callers: `make chaos`, or `python -m bench.chaos`.

A server with two of each part is started; callers ask it a question every few seconds and come back when their connection
breaks. Every few seconds a part is killed with -9, each kind in turn, and once in a round a shard is frozen. Whatever ends the
run, Ctrl-C too, what was frozen goes on and the server is stopped.
"""

import asyncio
import gc
import json
import platform
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import psutil
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.frames import frame
from bench.hearing import BYTES_A_MS, Question
from bench.measure import REPLY_BYTES, percentiles
from bench.reconnecting import ReconnectingCaller
from bench.server import serving
from bench.speech import question
from bench.strokes import Kind, Parts, Striker
from bench.survival import LIMITS_S, PATIENCE_S, Toll, Turn, count, none_doubled, none_lost, tolls, usual_wait_s
from bench.tables import number
from bench.targets import Verdict
from bench.wires import FRAME_S, WIRES

_WIRE = WIRES["ws"]
_QUESTION = "What are your opening hours?"
_CALM_ROUNDS = 2.5
"""Questions of each caller before the first stroke; the first of them warm up and belong to nobody's figures."""
_BREATH_S = 0.4
"""Between the end of a reply and the next question, if it is time for that."""
_SETTLE_S = 1.0
_FAR_BEHIND_S = 5.0
_SHOWN = 200
"""Turns that went wrong whose stories are kept."""
_COLOURS = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.UNKNOWN: "dim"}

Told = Callable[[str], None]


class Asker:
    """One caller's mouth: a frame each 20 ms, a question when it is time and the last reply has been heard."""

    def __init__(
        self, caller: ReconnectingCaller, spoken: list[bytes], silence: bytes, every_s: float, begins_at: float
    ) -> None:
        self.caller = caller
        self._spoken, self._silence, self._every_s = spoken, silence, every_s
        self._next_at = begins_at
        self._place: int | None = None
        """In the question; None while it listens."""

    def step(self, now: float, asks: bool) -> None:
        if self._place is None and asks and now >= self._next_at and not self.waits(now):
            self._place = 0
            self._next_at = now + self._every_s
            self.caller.hearing.asks(now)
        if self._place is None:
            self.caller.send(self._silence)
            return
        self.caller.send(self._spoken[self._place])
        self._place += 1
        if self._place == len(self._spoken):
            self._place = None
            self.caller.hearing.asked(now)

    def waits(self, now: float) -> bool:
        """Whether it still asks, listens, or has patience."""
        last = next(iter(self.caller.hearing.questions[-1:]), None)
        if last is None:
            return False
        if last.asked_at is None:
            return True
        return now < last.asked_at + PATIENCE_S and (last.over_at is None or now < last.over_at + _BREATH_S)


@dataclass(slots=True)
class Run:
    """A run as it goes."""

    url: str
    conversations: int
    seconds: float
    every_s: float
    began_at: float = 0.0
    struck_from: float = 0.0
    late_s: float = 0.0
    """The caller's own worst lateness."""
    askers: list[Asker] | None = None

    async def talk(self, striker: Striker, told: Told) -> None:
        spoken = question(_QUESTION, rate=_WIRE.rate)
        size = round(_WIRE.rate * FRAME_S)
        frames = [frame(row.tobytes()) for row in spoken.reshape(-1, size)]
        callers = [ReconnectingCaller(self.url) for _ in range(self.conversations)]
        striking: asyncio.Task[None] | None = None
        try:
            for caller in callers:
                await caller.open()
            self.began_at = time.monotonic() + 0.1
            self.struck_from = self.began_at + min(_CALM_ROUNDS * self.every_s, self.seconds / 3)
            end = self.began_at + self.seconds
            silence = frame(bytes(2 * size))
            offset = self.every_s / self.conversations
            begins = [self.began_at + number_of * offset for number_of in range(self.conversations)]
            self.askers = [Asker(caller, frames, silence, self.every_s, at) for caller, at in zip(callers, begins, strict=True)]
            striking = asyncio.create_task(self._strike(striker, end, told))
            await self._ask_until(end)
            for caller in callers:
                caller.leave()
            await asyncio.sleep(_SETTLE_S)
        finally:
            if striking is not None:
                striking.cancel()
                await asyncio.gather(striking, return_exceptions=True)
            for caller in callers:
                caller.close()

    async def _strike(self, striker: Striker, end: float, told: Told) -> None:
        told("a calm beginning")
        await asyncio.sleep(self.struck_from - time.monotonic())
        await striker.strike_until(end, told)

    async def _ask_until(self, end: float) -> None:
        """Then all wait for their last replies."""
        assert self.askers is not None
        due = self.began_at
        while True:
            now = time.monotonic()
            if now < due:
                await asyncio.sleep(due - now)
                now = time.monotonic()
            self.late_s = max(self.late_s, now - due)
            if now - due > _FAR_BEHIND_S:
                raise RuntimeError("the callers cannot keep up on this machine; take fewer --conversations")
            for asker in self.askers:
                asker.step(now, now < end)
            if now >= end and not any(asker.waits(now) for asker in self.askers):
                return
            due += FRAME_S

    def questions(self) -> list[tuple[int, Question]]:
        """Those that were asked to their end, but for each caller's first; in the order of time."""
        asked = [
            (place, one)
            for place, asker in enumerate(self.askers or [])
            for one in asker.caller.hearing.questions[1:]
            if one.asked_at is not None
        ]
        return sorted(asked, key=lambda pair: pair[1].begun_at)


def result(run: Run, striker: Striker) -> dict[str, Any]:
    """All that is kept of a run."""
    questions = run.questions()
    turns = [Turn.of(caller, one, REPLY_BYTES) for caller, one in questions]
    usual_s = usual_wait_s(turns, run.struck_from)
    counts = count(turns)
    callers = [asker.caller for asker in run.askers or []]
    returns = [back for caller in callers for back in caller.returns]
    p50, p95 = percentiles([back.took_s for back in returns], 50, 95)
    failed = [(turn, one) for turn, (_, one) in zip(turns, questions, strict=True) if turn.faults]
    return {
        "machine": {"cores": psutil.cpu_count(), "memory_gb": round(psutil.virtual_memory().total / 1e9, 1)},
        "python": platform.python_version(),
        "conversations": run.conversations,
        "seconds": run.seconds,
        "every_s": run.every_s,
        "usual_wait_s": usual_s and round(usual_s, 3),
        "turns": counts,
        "targets": {"lost 0": none_lost(counts), "doubled 0": none_doubled(counts)},
        "by_kind": [] if usual_s is None else [asdict(toll) for toll in tolls(turns, striker.strokes, usual_s)],
        "strokes": [
            {"kind": stroke.kind, "at_s": round(stroke.at - run.began_at, 2), "replaced_s": stroke.replaced_s}
            for stroke in striker.strokes
        ],
        "spared": Counter(striker.spared),
        "connections": {"lost": len(returns), "back_p50_s": p50, "back_p95_s": p95, "gave_up": sum(c.gave_up for c in callers)},
        "errors": sum((caller.errors for caller in callers), Counter[str]()),
        "strays": sum(caller.hearing.strays for caller in callers),
        "caller_late_s": round(run.late_s, 3),
        "waits_s": [[round(turn.asked_at - run.began_at, 2), turn.wait_s and round(turn.wait_s, 2)] for turn in turns],
        "failed": [_told(turn, one, run.began_at) for turn, one in failed[:_SHOWN]],
    }


def _told(turn: Turn, one: Question, began_at: float) -> dict[str, Any]:
    return {
        "caller": turn.caller,
        "asked_at_s": round(turn.asked_at - began_at, 2),
        "faults": sorted(turn.faults),
        "bytes": [reply.received for reply in one.sounded],
        "missing_ms": [round(reply.missing / BYTES_A_MS) for reply in one.sounded],
        "errors": one.errors,
        "story": [f"{at - turn.asked_at:+.2f} {what}" for at, what in one.story],
    }


def show(kept: dict[str, Any], console: Console) -> None:
    table = Table(title="What each kind of stroke did to the turns that it fell on")
    for heading in ("struck", "times", "turns", "lost", "doubled", "disorder", "length", "extra p50 s", "p95 s", "at most", ""):
        table.add_column(heading, justify="right")
    for heading in ("recovered s", "process again s"):
        table.add_column(heading, justify="right")
    for toll in (Toll(**row) for row in kept["by_kind"]):
        limit = None if toll.kind is None else LIMITS_S.get(toll.kind)
        faults = (toll.lost, toll.doubled, toll.out_of_order, toll.wrong_length)
        table.add_row(
            str(toll.kind or "nothing near"),
            *map(str, (toll.strokes, toll.turns, *faults)),
            *(number(figure, 2) for figure in (toll.extra_p50_s, toll.extra_p95_s)),
            number(limit),
            "" if limit is None else _coloured(toll.verdict),
            number(toll.recovered_s, 1),
            number(toll.replaced_s, 1),
        )
    console.print(table)
    console.print(f"turns: {', '.join(f'{name} {figure}' for name, figure in kept['turns'].items())}", highlight=False)
    console.print(f"targets: {', '.join(f'{name} {_coloured(verdict)}' for name, verdict in kept['targets'].items())}")
    back = kept["connections"]
    times = f"back after p50 {number(back['back_p50_s'])} s, p95 {number(back['back_p95_s'])} s"
    console.print(
        f"connections: {back['lost']} lost, {times}, {back['gave_up']} conversations not found again", highlight=False
    )
    if kept["errors"]:
        console.print(f"errors told: {', '.join(f'{code} {times}' for code, times in kept['errors'].items())}", highlight=False)
    console.print(
        f"[dim]extra wait: silence beyond the usual {number(kept['usual_wait_s'], 2)} s, before a reply and within it. "
        "Recovered: from a stroke to the end of the last such silence; process again: until a process stood in its place.[/]"
    )


def _coloured(verdict: Verdict) -> str:
    return f"[{_COLOURS[verdict]}]{verdict}[/]"


def _ended_like_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def kinds_of(words: str) -> list[Kind]:
    named = {kind.name.lower(): kind for kind in Kind}
    unknown = [word for word in words.split(",") if word not in named]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(named)}")
    return [named[word] for word in words.split(",")]


def measure(run: Run, kinds: list[Kind], pause_s: float, logs: Path | None, console: Console) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Seldom drawn: the callers run in this process.
    with Progress(*columns, console=console, transient=True, refresh_per_second=1) as progress:
        task = progress.add_task("the server starts", total=None)
        with serving("resilient.yaml") as running:
            parts = Parts(running)
            striker = Striker(parts, kinds, pause_s)
            run.url = running.url

            def told(what: str) -> None:
                progress.update(task, description=f"{run.conversations} talking; {what}")

            try:
                uvloop.run(run.talk(striker, told))
            finally:
                progress.update(task, description="the server stops")
                if logs is not None:
                    shutil.copytree(Path(parts.run_dir) / "session_latest" / "logs", logs, dirs_exist_ok=True)
    return result(run, striker)


def main(
    conversations: Annotated[int, typer.Option(min=1, max=500, help="How many callers talk.")] = 50,
    seconds: Annotated[float, typer.Option(min=10, help="How long questions are asked.")] = 180.0,
    every: Annotated[float, typer.Option(min=4, help="Seconds from one question of a caller to the next.")] = 6.0,
    pause: Annotated[float, typer.Option(min=0.5, help="Seconds between two strokes.")] = 5.0,
    kinds: Annotated[str, typer.Option(help="What is struck, in this order.")] = ",".join(kind.name.lower() for kind in Kind),
    out: Annotated[Path, typer.Option(help="File for the numbers.")] = Path("bench/results/chaos.json"),
    logs: Annotated[Path | None, typer.Option(help="Folder for the server's logs, which are gone otherwise.")] = None,
) -> None:
    for number_of in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_of, _ended_like_ctrl_c)
    console = Console(width=max(Console().width, 140))
    struck = kinds_of(kinds)
    question(_QUESTION, rate=_WIRE.rate)
    gc.disable()
    try:
        kept = measure(Run("", conversations, seconds, every), struck, pause, logs, console)
    except KeyboardInterrupt:
        console.print("Broken off; nothing was written.", style="yellow")
        raise typer.Exit(130) from None
    except (OSError, RuntimeError) as error:
        console.print(f"The run could not be made: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    show(kept, console)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
