"""Who may come in, and how often: keys and their limits, as OpenAI's SDK meets them."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from bench.server import Running, serving
from pipeline import keys
from tests.e2e.openai_talk import OpenAITalk, client_of, talking

OPEN, LONE, BUSY = keys.new(), keys.new(), keys.new()
LONGEST_S = 4


@pytest.fixture(scope="module")
def guarded() -> Iterator[Running]:
    """A server that wants keys; two of them may do little."""
    accepted = (
        f"{{name: open, hash: '{keys.hash_of(OPEN)}', requests_per_minute: 600}},"
        f"{{name: lone, hash: '{keys.hash_of(LONE)}', conversations: 1}},"
        f"{{name: busy, hash: '{keys.hash_of(BUSY)}', requests_per_minute: 2}}"
    )
    settings = ("keys.required=always", f"keys.accepted=[{accepted}]", f"server.longest_conversation_s={LONGEST_S}")
    providers = ("asr.providers=[sphinx]", "llm.providers=[flow]", "tts.providers=[espeak]")
    with serving("default.yaml", *settings, *providers) as server:
        yield server


async def refused(server: Running, key: str = "none", headers: dict[str, str] | None = None, **query: str) -> OpenAITalk:
    """A conversation that the server ends at once."""
    async with (
        client_of(server, key) as client,
        client.realtime.connect(extra_query=dict(query), extra_headers=headers or {}) as connection,
    ):
        talk = OpenAITalk(connection)
        await talk.until_closed()
    return talk


@pytest.mark.parametrize("key", ["none", "pk_" + "x" * 43])
async def test_a_wrong_key_is_told_so_before_the_socket_closes(guarded: Running, key: str) -> None:
    talk = await refused(guarded, key, model="gpt-realtime")
    [event] = talk.events
    assert (event.type, event.error.type, event.error.code) == ("error", "invalid_request_error", "invalid_api_key")
    assert talk.closed == (3000, "invalid_request_error.invalid_api_key")
    assert key not in event.error.message


async def test_a_model_must_be_named(guarded: Running) -> None:
    talk = await refused(guarded, OPEN)
    assert [event.error.code for event in talk.events] == ["missing_model"]
    assert talk.closed == (4000, "invalid_request_error.missing_model")


async def test_the_beta_shape_is_not_spoken(guarded: Running) -> None:
    talk = await refused(guarded, OPEN, {"OpenAI-Beta": "realtime=v1"}, model="gpt-realtime")
    assert [event.error.code for event in talk.events] == ["beta_api_shape_disabled"]
    assert talk.closed == (4000, "invalid_request_error.beta_api_shape_disabled")


async def test_a_key_that_is_known_opens_the_door(guarded: Running) -> None:
    async with talking(guarded, key=OPEN) as talk:
        await talk.write("What is your address?")
        done = await talk.ask(output_modalities=["text"])
        limits = await talk.until("rate_limits.updated")
    assert done.status == "completed"
    assert [(limit.name, limit.limit) for limit in limits.rate_limits] == [("requests", 600)]


async def test_a_browser_shows_its_key_among_the_subprotocols(guarded: Running) -> None:
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{OPEN}")]
    address = f"{guarded.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime"
    async with connect(address, subprotocols=offered, proxy=None) as socket:
        first = json.loads(await socket.recv())
    assert (socket.subprotocol, first["type"]) == ("realtime", "session.created")


async def test_a_conversation_that_lasts_too_long_ends_with_a_word(guarded: Running) -> None:
    async with talking(guarded, key=OPEN) as talk:
        closed = await talk.until_closed()
    assert [event.error.code for event in talk.of("error")] == ["session_expired"]
    assert closed == (1001, "invalid_request_error.session_expired")


async def test_a_key_holds_no_more_conversations_than_it_may(guarded: Running) -> None:
    async with talking(guarded, key=LONE):
        talk = await refused(guarded, LONE, model="gpt-realtime")
    assert [event.error.code for event in talk.events] == ["rate_limit_exceeded"]
    assert talk.closed is not None
    assert talk.closed[1].endswith("rate_limit_exceeded")


async def test_a_wrong_key_is_refused_at_every_address(guarded: Running) -> None:
    async with client_of(guarded, "wrong") as client:
        calls: list[Any] = [
            client.models.list(),
            client.audio.speech.create(model="tts-1", voice="alloy", input="Hello."),
            client.audio.transcriptions.create(model="whisper-1", file=("speech.wav", b"RIFF")),
        ]
        for call in calls:
            with pytest.raises(openai.AuthenticationError) as refusal:
                await call
            assert (refusal.value.status_code, refusal.value.code) == (401, "key_invalid")


async def test_requests_beyond_the_limit_are_told_when_to_come_back(guarded: Running) -> None:
    async with client_of(guarded, BUSY) as client:
        await client.models.list()
        await client.models.list()
        with pytest.raises(openai.RateLimitError) as refusal:
            await client.models.list()
    assert (refusal.value.status_code, refusal.value.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(refusal.value.response.headers["retry-after"]) <= 30
