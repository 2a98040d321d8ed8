"""The picture of the cluster, from what its parts said of themselves."""

import asyncio
from typing import Any

import pytest

from gateway.health import HealthWatch
from pipeline.config import load_config

BOOKS = {"used": 2, "wasted_s": 0.5}
SHARD = {
    "conversations": 2,
    "opened": 5,
    "queued_windows": 1,
    "at_stage": {"asr": 3},
    "latencies_ms": [400, 300, 500],
    "speculation": {"used": 2, "wasted_s": 0.5},
}
PROVIDERS = [
    {"name": "openai", "state": "unavailable", "reason": "set OPENAI_API_KEY"},
    {"name": "sphinx", "state": "healthy", "reason": ""},
]


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> HealthWatch:
    async def never(_: HealthWatch) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(HealthWatch, "_watch_forever", never)
    watch = HealthWatch(load_config(environ={}), {})
    seen: dict[str, Any] = {"_shards": [SHARD], "_vads": [{}], "_providers": {"asr": PROVIDERS}, "_replicas": {"asr": (1, 1)}}
    for name, value in seen.items():
        setattr(watch, name, value)
    return watch


async def test_all_well(watch: HealthWatch) -> None:
    picture = watch.picture()
    assert picture["status"] == "healthy"
    assert picture["performance"] == {"averageLatency": 400, "p95Latency": 500, "cacheHitRate": None, "qualityScore": None}
    assert picture["sessions"] == {"active": 2, "total": 5}
    assert picture["stages"]["buffer"] == {"replicas": 1, "alive": 1, "queue_depth": 2}
    assert picture["stages"]["vad"] == {"replicas": 1, "alive": 1, "queue_depth": 1}
    assert picture["stages"]["asr"] == {"replicas": 1, "alive": 1, "queue_depth": 3}
    assert picture["speculation"] == BOOKS
    assert watch.answering() == {"asr": "sphinx"}


async def test_nothing_measured_is_null(watch: HealthWatch) -> None:
    watch._shards = [{**SHARD, "latencies_ms": []}]
    assert watch.picture()["performance"]["averageLatency"] is None


@pytest.mark.parametrize(("part", "value"), [("_shards", [None]), ("_vads", [None]), ("_replicas", {"asr": (2, 1)})])
async def test_a_missing_part_is_seen(watch: HealthWatch, part: str, value: Any) -> None:
    setattr(watch, part, value)
    assert watch.picture()["status"] == "degraded"
