"""The cluster is looked at seldom, at most once a second for whoever wants to know, and nothing of it is told twice."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.gatherer import Gathered, Gatherer
from pipeline.figures import Report
from tests.fakes.fake_time import run_in_fake_time
from tests.gateway.clusters import Cluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def looking(cluster: Cluster, job: Callable[[Gatherer], Coroutine[Any, Any, Any]]) -> Any:
    """What a job gives, beside a gatherer that works."""

    async def beside() -> Any:
        gatherer = cluster.gatherer()
        await gatherer.newest()
        return await job(gatherer)

    return run_in_fake_time(beside)


def test_while_nobody_looks_it_is_looked_at_seldom(cluster: Cluster) -> None:
    async def job(_: Gatherer) -> None:
        await asyncio.sleep(19)

    looking(cluster, job)
    assert (cluster.shard.asked, cluster.vad.asked) == (4, 4)


def test_however_many_ask_it_is_one_look_a_second(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> None:
        async def asks() -> None:
            for _ in range(50):
                await gatherer.newest()
                await asyncio.sleep(0.1)

        await asyncio.gather(*(asks() for _ in range(20)))

    looking(cluster, job)
    assert 4 <= cluster.shard.asked <= 7


def test_who_asks_gets_what_is_new(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> list[int]:
        seen: list[int] = []
        for callers in (1, 2, 3):
            cluster.shard.callers = callers
            await asyncio.sleep(1.1)
            standing = (await gatherer.newest()).shards["buffer-0"]
            assert standing is not None
            seen.append(standing.status["conversations"])
        return seen

    assert looking(cluster, job) == [1, 2, 3]


def test_while_somebody_watches_it_is_every_second(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> None:
        with gatherer.watched(), gatherer.watched():
            await asyncio.sleep(10)
        before = cluster.shard.asked
        assert 9 <= before <= 11
        await asyncio.sleep(10)
        assert cluster.shard.asked - before <= 3

    looking(cluster, job)


def test_a_turn_is_told_once_and_kept(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> list[int]:
        told: list[int] = []
        gatherer.follow(lambda gathered: told.extend(turn.total_ms for turn in gathered.turns))
        for total_ms in (310, 320):
            cluster.shard.answers(total_ms)
            await asyncio.sleep(11)
        assert [turn.total_ms for turn in gatherer.turns] == [310, 320]
        return told

    assert looking(cluster, job) == [310, 320]


def test_a_shard_that_is_gone_is_seen_and_its_return_too(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> list[bool]:
        seen: list[bool] = []
        for dead in (False, True, False):
            cluster.shard.dead = dead
            await asyncio.sleep(1.1)
            seen.append((await gatherer.newest()).shards["buffer-0"] is None)
        return seen

    assert looking(cluster, job) == [False, True, False]


def test_the_stages_are_looked_at_less_often_and_nobody_waits_for_them(cluster: Cluster) -> None:
    async def job(gatherer: Gatherer) -> tuple[str, str]:
        states: list[str] = []
        for state in ("resting", "healthy"):
            cluster.stage.state = state
            await asyncio.sleep(16)
            states.append(gatherer.gathered.providers["asr"][0]["state"])
        return states[0], states[1]

    assert looking(cluster, job) == ("resting", "healthy")


def test_a_process_that_two_have_heard_of_is_there_once() -> None:
    from actors.tally import Standing

    report = Report("gateway", "gateway-1", {})
    shards: dict[str, Standing | None] = {name: Standing({}, {}, (report,)) for name in ("buffer-0", "buffer-1")}
    shards["buffer-2"] = None
    gathered = Gathered(1.0, shards, {"vad-0": Standing({}, {})})
    assert sorted((report.pool, report.process) for report in gathered.reports()) == [
        ("buffer", "buffer-0"),
        ("buffer", "buffer-1"),
        ("gateway", "gateway-1"),
        ("vad", "vad-0"),
    ]
