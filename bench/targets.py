"""What Parley is to reach, as data, and whether it does; the floor (bench.floor) is the bare server it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bench.arrivals import COMERS, Ramp
from bench.measure import HELD_P95_MS, HELD_SHARE, Report
from bench.probes import BURST, Burst, Calm

MANY = 100
"""Conversations from which the figures of cost are judged."""

_WANTED = 250
"""Conversations that are to be held."""


@dataclass(slots=True)
class Side:
    """What was measured of one server."""

    reports: list[Report] = field(default_factory=lambda: [])
    """By rising number of conversations."""
    calm: Calm | None = None
    burst: Burst | None = None
    ramp: Ramp | None = None

    def at(self, conversations: int) -> Report | None:
        return next((report for report in self.reports if report.conversations == conversations), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run of the suite."""

    parley: Side
    floor: Side


class Verdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not measured"


class Limit(StrEnum):
    AT_MOST = "at most"
    AT_LEAST = "at least"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    limit: Limit
    figure: float
    unit: str
    measured: Callable[[Comparison], float | None]
    """None when the run does not tell."""


@dataclass(frozen=True, slots=True)
class Judgement:
    target: Target
    measured: float | None
    verdict: Verdict


def judge(target: Target, comparison: Comparison) -> Judgement:
    measured = target.measured(comparison)
    if measured is None:
        return Judgement(target, None, Verdict.UNKNOWN)
    match target.limit:
        case Limit.AT_MOST:
            met = measured <= target.figure
        case Limit.AT_LEAST:
            met = measured >= target.figure
        case Limit.BELOW:
            met = measured < target.figure
    return Judgement(target, measured, Verdict.MET if met else Verdict.MISSED)


def ratio(ours: float | None, floors: float | None) -> float | None:
    """How many times the floor; None where one was not measured or there is nothing to divide by."""
    if ours is None or floors is None or ours <= 0 or floors <= 0:
        return None
    return ours / floors


def held_up_to(side: Side) -> int | None:
    """The largest number that was held with all smaller ones; None when a late client leaves it open."""
    most = 0
    for report in side.reports:
        if not report.held:
            return most if report.valid else most or None
        most = report.conversations
    return most if side.reports else None


def _held(comparison: Comparison) -> float | None:
    """Unknown when more were not tried."""
    most = held_up_to(comparison.parley)
    tried = max((report.conversations for report in comparison.parley.reports), default=0)
    return None if most == tried and tried < _WANTED else most


def _many(side: Side) -> list[Report]:
    return [report for report in side.reports if report.conversations >= MANY and report.held]


def _worst_cpu(comparison: Comparison) -> float | None:
    return max((report.cpu_ms for report in _many(comparison.parley)), default=None)


def _worst_ratio(comparison: Comparison) -> float | None:
    ratios = [
        times
        for report in _many(comparison.parley)
        if (beside := comparison.floor.at(report.conversations)) is not None
        and beside.held
        and (times := ratio(report.cpu_ms, beside.cpu_ms)) is not None
    ]
    return max(ratios, default=None)


def _worst_memory(comparison: Comparison) -> float | None:
    return max((report.memory_mb for report in _many(comparison.parley)), default=None)


def _p50(conversations: int) -> Callable[[Comparison], float | None]:
    def measured(comparison: Comparison) -> float | None:
        report = comparison.parley.at(conversations)
        return report.overhead_p50_ms if report is not None and report.valid else None

    return measured


def _cpu_growth(comparison: Comparison) -> float | None:
    many, few = comparison.parley.at(200), comparison.parley.at(25)
    return ratio(many.cpu_ms, few.cpu_ms) if many is not None and few is not None and many.held and few.held else None


def _quiet(comparison: Comparison) -> float | None:
    calm = comparison.parley.calm
    return None if calm is None else calm.quiet_cores


def _burst_accepted(comparison: Comparison) -> float | None:
    burst = comparison.parley.burst
    return burst.accepted if burst is not None and burst.came >= BURST else None


def _burst_p95(comparison: Comparison) -> float | None:
    burst = comparison.parley.burst
    return burst.open_p95_ms if burst is not None and burst.came >= BURST else None


def _ramp_p95(comparison: Comparison) -> float | None:
    """Of fewer callers than may fill the server it says nothing, nor of callers who were late themselves."""
    ramp = comparison.parley.ramp
    return ramp.worst_p95_ms if ramp is not None and ramp.valid and ramp.came >= COMERS else None


def _ramp_answered(comparison: Comparison) -> float | None:
    ramp = comparison.parley.ramp
    share = None if ramp is None or not ramp.valid or ramp.came < COMERS else ramp.answered_share
    return None if share is None else 100 * share


TARGETS = (
    Target("conversations held", Limit.AT_LEAST, _WANTED, "", _held),
    Target(f"CPU a conversation and second, from {MANY} on", Limit.AT_MOST, 6.0, "ms", _worst_cpu),
    Target(f"the same, beside the floor, from {MANY} on", Limit.AT_MOST, 2.0, "x", _worst_ratio),
    Target("CPU a conversation at 200, beside that at 25", Limit.AT_MOST, 1.0, "x", _cpu_growth),
    Target("a server with one quiet conversation", Limit.BELOW, 0.15, "cores", _quiet),
    Target("over the ideal at 1, p50", Limit.AT_MOST, 35.0, "ms", _p50(1)),
    Target("over the ideal at 100, p50", Limit.AT_MOST, 50.0, "ms", _p50(100)),
    Target(f"memory a conversation, from {MANY} on", Limit.AT_MOST, 1.0, "MB", _worst_memory),
    Target(f"of {BURST} that come within a second, accepted", Limit.AT_LEAST, BURST, "", _burst_accepted),
    Target("the same, time to open, p95", Limit.BELOW, 1000.0, "ms", _burst_p95),
    Target(f"while 1 to {COMERS} come, over the ideal, the worst p95", Limit.AT_MOST, HELD_P95_MS, "ms", _ramp_p95),
    Target("the same, turns answered once", Limit.AT_LEAST, 100 * HELD_SHARE, "%", _ramp_answered),
)
