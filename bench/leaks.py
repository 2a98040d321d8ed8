"""Whether something grows that should not: the processes of a server, sampled while callers come and go. Pure.

A process leaks when a line through the second half of its samples rises faster than its limit by more than twice the line's own
error, which is what remains of noise; the first half is for caches and pools to fill. Counters must be zero when all have left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from bench.targets import Verdict

LIMITS = {"own_mb": 5.0, "fds": 20.0, "threads": 10.0}
"""Growth of one process in an hour. Fifty callers who stay for 40 s are 4,500 conversations an hour: a kilobyte that each left
behind is 4.5 MB, and a file that one in a hundred left open is 45."""
LEAST = 24
"""Samples in the second half from which a line tells anything: four minutes of one each ten seconds."""
_ERRORS = 2.0
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment."""

    at: float
    own_mb: float
    """Memory that is its own, and would be free if it ended."""
    rss_mb: float
    fds: int
    threads: int


@dataclass(frozen=True, slots=True)
class Slope:
    an_hour: float
    error: float
    """Standard error of it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of one process."""

    program: str
    samples: int
    first: Sample
    last: Sample
    slopes: Mapping[str, Slope]
    """By what is measured; empty when there are too few samples."""
    verdict: Verdict


def slope(points: Sequence[tuple[float, float]]) -> Slope | None:
    """The straight line nearest to the points; None where they make none."""
    count = len(points)
    if count < 3:
        return None
    mean_at, mean = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    if not spread:
        return None
    rise = sum((at - mean_at) * (value - mean) for at, value in points) / spread
    rest = sum((value - mean - rise * (at - mean_at)) ** 2 for at, value in points)
    return Slope(_HOUR_S * rise, _HOUR_S * sqrt(rest / (count - 2) / spread))


def growth(program: str, samples: Sequence[Sample], half_at: float) -> Growth:
    """Of a process that was sampled at least once; `half_at` is when the second half began."""
    late = [sample for sample in samples if sample.at >= half_at]
    slopes: dict[str, Slope] = {}
    if len(late) >= LEAST:
        for name in LIMITS:
            found = slope([(sample.at, float(getattr(sample, name))) for sample in late])
            if found is not None:
                slopes[name] = found
    return Growth(program, len(samples), samples[0], samples[-1], slopes, _verdict(slopes))


def leaks(name: str, found: Slope) -> bool:
    return found.an_hour - _ERRORS * found.error > LIMITS[name]


def _verdict(slopes: Mapping[str, Slope]) -> Verdict:
    if not slopes:
        return Verdict.UNKNOWN
    return Verdict.MISSED if any(leaks(name, found) for name, found in slopes.items()) else Verdict.MET


def left_over(health: Mapping[str, object]) -> dict[str, int]:
    """Counters of `/health` that are not zero, though nobody is there."""
    sessions, stages = health["sessions"], health["stages"]
    assert isinstance(sessions, dict)
    assert isinstance(stages, dict)
    counters = {
        "conversations": sessions["active"],
        **{f"waiting at {name}": pool["queue_depth"] for name, pool in stages.items()},
    }
    return {name: count for name, count in counters.items() if count}


def together(growths: Sequence[Growth], rest: Mapping[str, int]) -> Verdict:
    """Of the whole run: one leak is enough, and a process that was born late tells nothing against it."""
    if rest or any(growth.verdict is Verdict.MISSED for growth in growths):
        return Verdict.MISSED
    return Verdict.MET if any(growth.verdict is Verdict.MET for growth in growths) else Verdict.UNKNOWN
