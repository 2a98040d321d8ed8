"""Replicas come and go, and a new configuration comes, under conversations that outlast all of that: none is cut."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from bench.server import PARLEY, ROOT, Running, serving
from parley.client import Client
from parley.environment import DEREGISTER_S, MARGIN_S
from tests.e2e import openai_talk
from tests.e2e.conftest import ROOM
from tests.e2e.crowd import listening, spoken, talking
from tests.e2e.talking import Talk

CONFIG = "bench.yaml"
COMMON = ("ray.dashboard=false", "budget.filler_after_ms=0", "server.max_uplink_ms=60000", ROOM)
"""Nobody hears a word of patience, and callers who were held up may send all that they have."""
DRAIN_S = 10
"""For which a gateway replica that goes waits for its callers; HAProxy waits somewhat longer."""
SHORT = (*COMMON, f"server.drain_s={DRAIN_S}")
"""As if the conversations lasted for hours."""
TALKERS, LISTENERS = 50, 40
STAGES = ("asr", "llm", "tts")
DELAYS_MS = (200, 300, 200)
"""With which the talkers have between one and three requests under way at each stage."""
ONE = dict.fromkeys(("gateway", *STAGES), 1)
TWO = dict.fromkeys(ONE, 2)
SCALES = ("max_replicas=2", "look_back_s=6", "upscale_delay_s=1", "downscale_delay_s=3")
ELASTIC = (
    *COMMON,
    *(f"gateway.{setting}" for setting in (*SCALES, f"target_ongoing_requests={TALKERS + LISTENERS // 2}")),
    *(f"{stage}.pool.{setting}" for stage in STAGES for setting in (*SCALES, "target_ongoing_requests=0.3")),
    *(f"{stage}.engines.sim.delay_ms={delay_ms}" for stage, delay_ms in zip(STAGES, DELAYS_MS, strict=True)),
)
PATIENCE_S = 120.0


async def deploy(server: Running, *settings: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    where = ("--port", str(urlsplit(server.url).port), "--config", str(ROOT / "configs" / CONFIG))
    process = await asyncio.create_subprocess_exec(str(PARLEY), "deploy", *where, *words)
    assert await process.wait() == 0


async def until_running(server: Running, wanted: dict[str, int]) -> None:
    """Waits until so many replicas run, and no more are to come."""

    def found() -> dict[str, int]:
        stages = httpx.get(f"{server.url}/health", timeout=10, trust_env=False).json()["stages"]
        # A gateway that is new has not seen all yet.
        both = [stages.get(name, {"alive": 0, "replicas": 0}) for name in wanted]
        return {name: pool["alive"] for name, pool in zip(wanted, both, strict=True) if pool["alive"] == pool["replicas"]}

    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(found) != wanted:  # noqa: ASYNC110 (another process brings it about)
            await asyncio.sleep(0.5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (another process brings it about)
            await asyncio.sleep(0.1)


@pytest.fixture
def hasty() -> Iterator[Running]:
    with serving(CONFIG, *SHORT) as running:
        yield running


async def test_deploys_cut_no_conversation_that_outlasts_all_times(hasty: Running) -> None:
    speech = await asyncio.to_thread(spoken)
    async with talking(hasty.url, TALKERS, speech) as crowd:
        await until(lambda: min(crowd.questions()) > 0)
        await deploy(hasty, *SHORT, "gateway.min_replicas=2", *(f"{stage}.pool.min_replicas=2" for stage in STAGES))
        await until_running(hasty, TWO)
        # The only gateway that there was sends everybody to the new ones before its time is over.
        await until(lambda: all(caller.returns for caller in crowd.callers))
        await deploy(hasty, *SHORT, "conversation.max_text_chars=9")
        await until_running(hasty, ONE)
        await asyncio.sleep(DRAIN_S + MARGIN_S)
        await crowd.finish()
        assert (crowd.cut, crowd.faults()) == (0, {}), crowd.stories()
        assert all(len(caller.returns) > 1 for caller in crowd.callers)
    async with Client(hasty.url, 16_000) as client:
        talk = Talk(client)
        await client.send_text("Ten letters")
        await talk.until("error", code="text_too_long")
        await talk.stop()


@pytest.fixture
def elastic() -> Iterator[Running]:
    with serving(CONFIG, *ELASTIC) as running:
        yield running


async def test_more_replicas_come_under_load_and_go_after_it_and_nobody_notices(elastic: Running) -> None:
    speech = await asyncio.to_thread(spoken)
    async with AsyncExitStack() as stack:
        crowd = await stack.enter_async_context(talking(elastic.url, TALKERS, speech))
        async with listening(elastic.url, LISTENERS):
            await until_running(elastic, TWO)
            # They cannot come back, and whose replica goes must be left in peace.
            others = [await stack.enter_async_context(openai_talk.talking(elastic)) for _ in range(4)]
        crowd.pause()
        await until_running(elastic, ONE)
        crowd.go_on()
        await asyncio.sleep(DEREGISTER_S + 2)
        for other in others:
            await other.write("Are you there?")
            assert (await other.ask()).status == "completed"
        await crowd.finish()
        assert (crowd.returns, crowd.faults()) == (0, {}), crowd.stories()
