"""The stream of events: everything at first, then what is new, from one look a second for all who look; and who may look."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway import dashboard
from gateway.dashboard import Dashboard, Live
from gateway.guard import Guard
from gateway.metrics import Metrics
from pipeline import keys
from pipeline.loading import load_config
from tests.fakes.fake_time import run_in_fake_time
from tests.gateway.clusters import CONFIG, Cluster

Event = tuple[str, dict[str, Any]]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def showing(cluster: Cluster, job: Callable[[Live], Coroutine[Any, Any, Any]]) -> Any:
    async def beside() -> Any:
        gatherer = cluster.gatherer()
        return await job(Live(CONFIG, cluster.watch(gatherer), gatherer, {"ray": "http://ray"}))

    return run_in_fake_time(beside)


async def watch(live: Live, seconds: float, seen: list[Event] | None = None) -> list[Event]:
    """What a viewer has seen after so many seconds."""
    events: list[Event] = [] if seen is None else seen

    async def read() -> None:
        async for message in live.messages():
            name, data = message.decode().removesuffix("\n\n").split("\n")
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))

    reading = asyncio.create_task(read())
    await asyncio.wait([reading], timeout=seconds)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return events


def test_first_comes_everything_and_then_what_is_new(cluster: Cluster) -> None:
    async def job(live: Live) -> list[Event]:
        cluster.shard.answers(310)
        await asyncio.sleep(11)
        seen: list[Event] = []
        watching = asyncio.create_task(watch(live, 4.5, seen))
        await asyncio.sleep(1.5)
        cluster.shard.callers = 1
        cluster.shard.answers(320)
        await watching
        return seen

    (first, everything), *news = showing(cluster, job)
    assert first == "all"
    assert everything["fixed"] == {"target_ms": 300, "ceiling_ms": 500, "links": {"ray": "http://ray"}}
    assert [turn["total_ms"] for turn in everything["turns"]] == [310]
    assert len(everything["history"]["at"]) == 3
    assert everything["now"]["talking"]["now"] == 0
    assert {name for name, _ in news} == {"news"}
    changes = [data for _, data in news if "turns" in data]
    (change,) = changes
    assert change["now"]["talking"]["now"] == 1
    assert [turn["total_ms"] for turn in change["turns"]] == [320]
    # What has not changed is not told again.
    assert "pools" not in {section for _, data in news[-2:] for section in data["now"]}


def test_many_viewers_are_one_look_a_second(cluster: Cluster) -> None:
    async def job(live: Live) -> list[list[Event]]:
        return await asyncio.gather(*(watch(live, 10.5) for _ in range(50)))

    seen = showing(cluster, job)
    assert 10 <= cluster.shard.asked <= 12
    assert {len(events) for events in seen} <= {10, 11, 12}
    assert all(events[1:] == seen[0][1:] for events in seen)


def test_when_the_last_has_gone_it_is_looked_at_seldom_again(cluster: Cluster) -> None:
    async def job(live: Live) -> int:
        await watch(live, 5)
        before = cluster.shard.asked
        await asyncio.sleep(20)
        return cluster.shard.asked - before

    assert showing(cluster, job) in (4, 5)


def test_a_stream_ends_by_itself(cluster: Cluster) -> None:
    async def job(live: Live) -> int:
        return len(await watch(live, 1_000))

    assert 100 < showing(cluster, job) < 130


def test_who_does_not_read_is_left(cluster: Cluster) -> None:
    async def job(live: Live) -> int:
        slow = live.messages()
        await anext(slow)
        await asyncio.sleep(60)
        return len([message async for message in slow])

    assert showing(cluster, job) < dashboard._MOST_WAITING


# Who may look


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends at once."""
    monkeypatch.setattr(dashboard, "_LASTS_S", 0.0)


def site(cluster: Cluster, *overrides: str) -> Starlette:
    accepted = ", ".join(f"{{name: {name}, hash: '{keys.hash_of(name)}'}}" for name in ("ann", "bob"))
    config = load_config(None, [f"keys.accepted=[{accepted}]", "keys.operators=[ann]", *overrides], {})
    gatherer = cluster.gatherer()
    live = Live(config, cluster.watch(gatherer), gatherer, {})
    guard = Guard(config)

    async def look() -> tuple[dict[str, Any], Any]:
        return await cluster.watch(gatherer).look(), gatherer.gathered

    return Starlette(routes=[Dashboard(guard, lambda: live).route(), Metrics(guard, look).route()])


async def ask(app: Starlette, path: str, key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley", headers=headers) as http:
        response = await http.get(path)
    return response.status_code, "" if response.is_success else response.json()["error"]["code"]


@pytest.mark.parametrize("path", ["/metrics", "/dashboard/events"])
async def test_where_keys_are_needed_it_needs_an_operators(
    cluster: Cluster, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "_LASTS_S", 0.0)
    app = site(cluster, "server.host=0.0.0.0")
    answers = [await ask(app, path, key) for key in ("", "eve", "bob", "ann")]
    assert answers == [(401, "key_missing"), (401, "key_invalid"), (403, "operator_needed"), (200, "")]


@pytest.mark.parametrize("path", ["/metrics", "/dashboard/events"])
@pytest.mark.usefixtures("briefly")
async def test_on_loopback_anybody_may_look(cluster: Cluster, path: str) -> None:
    app = site(cluster)
    assert [await ask(app, path, key) for key in ("", "bob")] == [(200, ""), (200, "")]
