"""The picture of the cluster, from what its parts said of themselves."""

from collections import deque
from typing import Any, cast

import pytest

from actors.tally import Standing, Turn
from gateway.gatherer import Gathered, Gatherer
from gateway.health import HealthWatch
from pipeline import figures as of
from pipeline.figures import Figures, Report
from pipeline.loading import load_config

BOOKS = {"used": 2, "wasted_s": 0.5}
SHARD = {"conversations": 2, "opened": 5, "queued_windows": 1, "at_stage": {"asr": 3}, "speculation": BOOKS}
PROVIDERS = [
    {"name": "openai", "state": "unavailable", "reason": "set OPENAI_API_KEY"},
    {"name": "sphinx", "state": "healthy", "reason": ""},
]


def lag(*seconds: float) -> list[Report]:
    reports: list[Report] = []
    for number, lag_s in enumerate(seconds):
        figures = Figures()
        figures.put(of.LOOP_LAG, lag_s)
        reports.append(Report("gateway", f"gateway-{number}", figures.snapshot()))
    return reports


def turn(total_ms: int, quality: float) -> Turn:
    return Turn(0.0, 1, {}, total_ms, "target", False, (), (), quality)


class Seen:
    """What was gathered; the test changes it."""

    def __init__(self) -> None:
        self.shards: dict[str, Standing | None] = {"buffer-0": Standing(SHARD, {}, tuple(lag(0.004, 0.002)))}
        self.vads: dict[str, Standing | None] = {"vad-0": Standing({}, {})}
        self.replicas = {"asr": (1, 1)}
        self.turns = deque([turn(400, 1.0), turn(300, 0.5), turn(500, 0.6)])

    @property
    def gathered(self) -> Gathered:
        return Gathered(1.0, self.shards, self.vads, {"asr": PROVIDERS}, self.replicas)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def watch(seen: Seen) -> HealthWatch:
    return HealthWatch(load_config(environ={}), cast(Gatherer, seen))


def test_all_well(watch: HealthWatch) -> None:
    picture = watch.picture()
    assert picture["status"] == "healthy"
    assert picture["performance"] == {"averageLatency": 400, "p95Latency": 500, "cacheHitRate": None, "qualityScore": 0.7}
    assert picture["sessions"] == {"active": 2, "total": 5}
    assert picture["stages"] == {
        "buffer": {"replicas": 1, "alive": 1, "queue_depth": 2, "loop_lag_ms": None},
        "vad": {"replicas": 1, "alive": 1, "queue_depth": 1, "loop_lag_ms": None},
        "asr": {"replicas": 1, "alive": 1, "queue_depth": 3, "loop_lag_ms": None},
    }
    assert picture["speculation"] == BOOKS
    assert watch.answering() == {"asr": "sphinx"}


def test_nothing_measured_is_null(seen: Seen, watch: HealthWatch) -> None:
    seen.turns.clear()
    assert set(watch.picture()["performance"].values()) == {None}


def test_the_longest_loop_lag_of_a_pool_counts(seen: Seen, watch: HealthWatch) -> None:
    seen.replicas = {"gateway": (2, 2)}
    assert watch.picture()["stages"]["gateway"] == {"replicas": 2, "alive": 2, "queue_depth": 2, "loop_lag_ms": 4.0}


@pytest.mark.parametrize(
    ("part", "value"), [("shards", {"buffer-0": None}), ("vads", {"vad-0": None}), ("replicas", {"asr": (2, 0)})]
)
def test_a_missing_part_is_seen(seen: Seen, watch: HealthWatch, part: str, value: Any) -> None:
    setattr(seen, part, value)
    assert watch.picture()["status"] == "degraded"


async def test_one_more_that_is_about_to_come_is_not_missing(seen: Seen, watch: HealthWatch) -> None:
    seen.replicas = {"asr": (2, 1)}
    assert watch.picture()["status"] == "healthy"
