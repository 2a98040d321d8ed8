"""A server on a cluster grows from one node to three under load, and shrinks again, and nobody is cut off."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from bench.server import Running, serving
from pipeline.loading import load_config
from tests.e2e.crowd import Crowd, spoken, talking
from tests.e2e.nodes import Nodes, cluster

NODES = 3
TARGET = 9
"""Callers that Serve wants in one replica of the gateway."""
REGULARS, CROWD, LATE = 2, 30, 2 * NODES
"""Callers from beginning to end; those who make it grow, and leave; those who come when it has grown, and stay for a while.

HAProxy spreads callers evenly, but begins anew when it is loaded again; half of the late ones come before that or after it.
"""
PATIENCE_S = 90.0
SETTINGS = (
    "ray.dashboard=false",
    "gateway.num_cpus=1",
    f"gateway.max_replicas={NODES}",
    f"gateway.target_ongoing_requests={TARGET}",
    "gateway.upscale_delay_s=1",
    "gateway.downscale_delay_s=2",
    # How quick a busy machine answers counts elsewhere.
    "server.most_lag_ms=60000",
    "budget.filler_after_ms=0",
)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """The head has room for the shards and one replica of each kind, a worker for one replica of the gateway."""
    with cluster(load_config(None, SETTINGS, {}), head_cpus=2, worker_cpus=1, workers=NODES - 1, idle_s=4) as running:
        yield running


@pytest.fixture(scope="module")
def server(nodes: Nodes) -> Iterator[Running]:
    with serving("bench.yaml", f"ray.address={nodes.address}", *SETTINGS, keys=nodes.token) as running:
        yield running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (other processes bring it about)
            await asyncio.sleep(0.1)


async def asked_again(*crowds: Crowd) -> None:
    """Each of them has asked one question more, and has heard the reply."""
    before = [(caller.hearing, len(caller.hearing.questions)) for crowd in crowds for caller in crowd.callers]
    await until(lambda: all(any(one.over_at for one in hearing.questions[count:]) for hearing, count in before))


async def finished(crowd: Crowd) -> None:
    """They hear their last replies, and leave; until then nobody was cut off."""
    await crowd.finish()
    assert (crowd.returns, crowd.faults()) == (0, {}), crowd.stories()
    assert min(crowd.questions()) > 0
    crowd.close()


async def test_it_grows_from_one_node_to_three_and_back_and_nobody_is_cut_off(nodes: Nodes, server: Running) -> None:
    speech = await asyncio.to_thread(spoken)
    async with talking(server.url, REGULARS, speech) as regulars:
        assert nodes.count() == 1
        async with talking(server.url, CROWD, speech) as crowd:
            await until(lambda: nodes.count() == len(nodes.callers()) == nodes.open_replicas() == NODES)
            async with talking(server.url, LATE, speech) as late:
                everybody = REGULARS + CROWD + LATE
                await until(lambda: all(held := nodes.callers()) and sum(held) == everybody)
                await finished(crowd)
                await until(lambda: nodes.open_replicas() == 1)
                await asked_again(regulars, late)
                # A node stays as long as its callers do.
                assert nodes.count() == NODES
                await finished(late)
        await until(lambda: nodes.count() == 1)
        await asked_again(regulars)
        await finished(regulars)
