"""What dashboards show: how the cluster stands now, in sections, and a point of its history.

Answers are those of the last minute; after a minute without any, the last few that there were.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

from actors.tally import Turn
from gateway.gatherer import Gathered
from gateway.history import Point
from pipeline import figures as of
from pipeline.figures import Metric, Report

LATELY_S = 60.0
_FEW = 20
_STATES = ("healthy", "probing", "resting", "unavailable")
"""Of providers; in the history a state is its place here."""

Board = dict[str, Any]


def quantile(ordered: Sequence[int], share: float) -> int | None:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def lately(turns: Sequence[Turn], now: float) -> list[Turn]:
    return [turn for turn in turns if turn.at > now - LATELY_S]


def board(picture: dict[str, Any], gathered: Gathered, turns: Sequence[Turn]) -> Board:
    """Everything but the turns themselves."""
    reports = gathered.reports()
    recent = lately(turns, gathered.at)
    return {
        "status": picture["status"],
        "talking": {
            "now": picture["sessions"]["active"],
            "opened": picture["sessions"]["total"],
            "ended": total(reports, of.ENDED),
        },
        "answers": _answers(recent or [*islice(reversed(turns), _FEW)], of_last_minute=bool(recent)),
        "totals": {
            "turns": total(reports, of.TURNS),
            "interruptions": total(reports, of.INTERRUPTIONS),
            "sounds": total(reports, of.SOUNDS),
            "used": total(reports, of.PREPARED, "used"),
            "discarded": total(reports, of.PREPARED, "discarded"),
            "wasted_s": total(reports, of.WASTED),
            "dropped_s": total(reports, of.DROPPED),
        },
        "errors": _errors(reports),
        "providers": _providers(picture["providers"], reports),
        "pools": picture["stages"],
    }


def point(now: Board, gathered: Gathered, turns: Sequence[Turn], before: Board) -> Point:
    """A moment of the history; what was counted is what has come since the board of the point before."""
    answers = now["answers"] if lately(turns, gathered.at) else _answers([], of_last_minute=True)
    seen: Point = {"at": round(gathered.at, 1), "talking": now["talking"]["now"], "quality": answers["quality"]}
    seen |= {"p50": answers["p50_ms"], "p95": answers["p95_ms"]}
    seen |= {f"part.{part}": ms for part, ms in answers["parts_ms"].items()}
    # A process that has begun anew has counted less.
    seen |= {name: max(now["totals"][name] - before["totals"][name], 0) for name in now["totals"]}
    seen["errors"] = max(_sum_of_errors(now) - _sum_of_errors(before), 0)
    for name, pool in now["pools"].items():
        seen |= {f"queue.{name}": pool["queue_depth"], f"lag.{name}": pool["loop_lag_ms"]}
    for stage, providers in now["providers"].items():
        seen |= {f"provider.{stage}.{provider['name']}": _STATES.index(provider["state"]) for provider in providers}
    return seen


def total(reports: list[Report], metric: Metric, *labels: str) -> float:
    """Of all processes; of all labels too, where none are named."""
    found = sum(
        value
        for report in reports
        for series, value in of.values(report.figures, metric).items()
        if not labels or series == labels
    )
    return round(found, 1)


def _answers(turns: Sequence[Turn], *, of_last_minute: bool) -> dict[str, Any]:
    totals = sorted(turn.total_ms for turn in turns)
    parts = turns[-1].parts_ms if turns else {}
    return {
        "count": len(turns),
        "of_last_minute": of_last_minute,
        "newest_at": max((turn.at for turn in turns), default=None),
        "p50_ms": quantile(totals, 0.5),
        "p95_ms": quantile(totals, 0.95),
        "parts_ms": {part: round(sum(turn.parts_ms[part] for turn in turns) / len(turns)) for part in parts},
        "met": Counter(turn.met for turn in turns),
        "quality": round(sum(turn.quality for turn in turns) / len(turns), 3) if turns else None,
    }


def _errors(reports: list[Report]) -> list[dict[str, Any]]:
    """Most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for (code, fault), count in of.values(report.figures, of.ERRORS).items():
            counts[code, fault] += int(count)
    return [{"code": code, "fault": fault, "count": count} for (code, fault), count in counts.most_common()]


def _sum_of_errors(board: Board) -> int:
    return sum(error["count"] for error in board["errors"])


def _providers(known: dict[str, list[dict[str, str]]], reports: list[Report]) -> dict[str, list[dict[str, Any]]]:
    """With what became of their requests, as far as replicas of their stage have told."""

    def counted(stage: str, name: str) -> dict[str, float | None]:
        of_stage = [report for report in reports if report.pool == stage]
        counters = {"requests": of.PROVIDER_REQUESTS, "failures": of.PROVIDER_FAILURES, "hedges": of.PROVIDER_HEDGES}
        return {key: total(of_stage, metric, name) if of_stage else None for key, metric in counters.items()}

    return {
        stage: [{**provider, **counted(stage, provider["name"])} for provider in providers]
        for stage, providers in known.items()
    }
