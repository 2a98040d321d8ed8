"""Many callers at once, bad ones among them, on one server with simulated providers."""

import asyncio
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect

from bench.server import Running
from parley.client import Client
from tests.e2e.conftest import Spoken
from tests.e2e.talking import Talk

QUESTION = "Could you tell me when you open on Saturday?"
REPLY_BYTES = 2 * 24_000 * 2


async def one_call(server: Running, speech: Any) -> tuple[list[str], int]:
    async with Client(server.url, 16_000) as client:
        talk = Talk(client)
        await talk.say(speech)
        await talk.until("audio_done", turn=1)
        await talk.stop()
    return talk.kinds(), len(talk.audio[1])


async def test_twenty_at_once_are_each_answered_once(simulated: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION)
    calls = await asyncio.gather(*(one_call(simulated, speech) for _ in range(20)))
    assert [kinds.count("audio_started") for kinds, _ in calls] == [1] * 20
    assert [size for _, size in calls] == [REPLY_BYTES] * 20
    assert [kind for kinds, _ in calls for kind in kinds if kind == "error"] == []


async def test_speech_over_the_reply_stops_it(simulated: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION)
    async with Client(simulated.url, 16_000) as client:
        talk = Talk(client)
        await talk.say(speech)
        await talk.until("audio_started", turn=1)
        await talk.say(speech)
        interrupted = await talk.until("interrupted", turn=1)
        await talk.until("audio_done", turn=2)
        await talk.stop()
    assert 0 < interrupted["heard_ms"] < 2000
    assert len(talk.audio[2]) == REPLY_BYTES


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("rate=7999", "rate_unsupported"),
        ("rate=quick", "rate_unsupported"),
        ("out_rate=96000", "rate_unsupported"),
        ("lang=xx", "language_unsupported"),
        ("lang=english", "query_invalid"),
        ("flow=nowhere", "flow_unknown"),
        ("flow=../secrets", "query_invalid"),
        ("colour=blue", "query_invalid"),
    ],
)
async def test_a_wrong_address_is_refused_with_a_reason(simulated: Running, query: str, code: str) -> None:
    async with connect(f"{simulated.url.replace('http', 'ws')}/ws?{query}", proxy=None) as socket:
        told = await socket.recv()
        await socket.wait_closed()
    assert f'"code": "{code}"' in str(told)
    assert '"fault": "client"' in str(told)
    assert (socket.close_code, socket.close_reason) == (1008, code)


async def test_bad_messages_are_answered_and_the_others_do_not_notice(simulated: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION)
    good = asyncio.create_task(one_call(simulated, speech))
    bad: list[tuple[str | bytes, str]] = [
        ("{", "json_invalid"),
        ('{"type": "sing"}', "type_unknown"),
        (b"\x00", "audio_odd"),
        (bytes(300_000), "message_too_big"),
        ('{"type": "played", "ms": "soon"}', "message_invalid"),
    ]
    async with connect(f"{simulated.url.replace('http', 'ws')}/ws", proxy=None) as socket:
        assert '"session"' in str(await socket.recv())
        for message, code in bad:
            await socket.send(message)
            assert f'"code": "{code}"' in str(await socket.recv())
    # Text that is no UTF-8 breaks the protocol underneath, which closes the socket and nothing else.
    async with connect(f"{simulated.url.replace('http', 'ws')}/ws", proxy=None) as socket:
        await socket.recv()
        await socket.send(b"\xff\xfe", text=True)
        await socket.wait_closed()
    assert socket.close_code == 1007
    kinds, size = await good
    assert (kinds.count("audio_started"), size) == (1, REPLY_BYTES)


async def settled(server: Running, at_least: int = 0) -> dict[str, Any]:
    """The server's picture of itself once so many have come and nobody talks."""
    async with asyncio.timeout(30):
        while True:
            _, health = await asyncio.to_thread(server.health)
            if health["sessions"]["active"] == 0 and health["sessions"]["total"] >= at_least:
                return health


def _waiting(health: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Who is there and what waits; how late loops are differs from one look to the next."""
    return {name: {**pool, "loop_lag_ms": None} for name, pool in health["stages"].items()}


async def test_three_hundred_that_come_and_go_leave_nothing(simulated: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION)
    before = await settled(simulated)

    async def come_and_go(number: int) -> None:
        client = Client(simulated.url, 16_000)
        async with client:
            await client.send_audio(speech[: 16_000 * (number % 3)])
            if number % 2:
                await client.send_text("hello")
        # The socket is closed without a goodbye, some in the middle of a turn.

    for batch in range(10):
        await asyncio.gather(*(come_and_go(batch * 30 + i) for i in range(30)))
    total = before["sessions"]["total"] + 300
    after = await settled(simulated, total)
    assert after["sessions"] == {"active": 0, "total": total}
    assert _waiting(after) == _waiting(before)
    assert after["status"] == "healthy"


async def test_health_is_quick_while_many_talk(simulated: Running, spoken: Spoken) -> None:
    speech = await asyncio.to_thread(spoken, QUESTION)
    talking = [asyncio.create_task(one_call(simulated, speech)) for _ in range(10)]
    times: list[float] = []
    while not all(task.done() for task in talking):
        begun = time.monotonic()
        status, health = await asyncio.to_thread(simulated.health)
        times.append(time.monotonic() - begun)
        assert status == 200
        expected = {"status", "version", "uptime_s", "performance", "sessions", "speculation", "providers", "stages"}
        assert set(health) == expected
    await asyncio.gather(*talking)
    assert sorted(times)[len(times) // 2] < 0.1
