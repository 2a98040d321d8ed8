"""Speech through the official client, and through bare ASGI where it matters what is sent when."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import av
import httpx
import numpy as np
import pytest
from openai import APIStatusError, AsyncOpenAI
from starlette.applications import Starlette
from starlette.routing import Mount

from actors.engines.voices import OPENAI_VOICES
from actors.stages import LocalStages, Stages
from gateway.audio.speech import SpeechApi, SpeechCut
from gateway.voices import Voices
from pipeline.errors import ProviderError
from pipeline.loading import load_config
from pipeline.ports import Phrase
from tests.gateway.audio.rooms import no_room, room
from tests.gateway.audio.talkers import PIECE, Talkers, until

TEXT = "The clinic is open on Saturday. It closes at one o'clock. Please come before noon."
PHRASES = ["The clinic is open on Saturday.", "It closes at one o'clock.", "Please come before noon."]
PATH = "/v1/audio/speech"
BROKEN = ProviderError("provider_cut", "it broke")


def application(stages: Stages, *overrides: str, check: Callable[[], None] = room) -> tuple[Starlette, SpeechApi]:
    api = SpeechApi(load_config(None, ["tts.providers=[espeak]", *overrides], {}), stages, Voices(stages), check)
    return Starlette(routes=[Mount("/v1", routes=api.routes())]), api


@asynccontextmanager
async def official(app: Starlette) -> AsyncIterator[AsyncOpenAI]:
    web = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    async with AsyncOpenAI(api_key="none", base_url="http://parley/v1", http_client=web, max_retries=0) as client:
        yield client


async def post(app: Starlette, **body: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as web:
        return await web.post(PATH, json=body)


class Bare:
    """One request without a server around it: what is sent can be looked at as it is sent."""

    def __init__(self, app: Starlette, **body: Any) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.incoming.put_nowait({"type": "http.request", "body": json.dumps(body).encode()})
        scope = {"type": "http", "method": "POST", "path": PATH, "root_path": "", "query_string": b"", "headers": []}
        self.running = asyncio.create_task(app(scope, self.incoming.get, self.sent.put))

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


def decoded(file: bytes) -> float:
    """Seconds of sound."""
    with av.open(io.BytesIO(file)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in body.decode().split("\n\n") if line]


# What clients get


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("aac", "audio/aac"), ("flac", "audio/flac"), ("wav", "audio/wav")],
)
async def test_each_format_is_as_long_as_the_samples(kind: Any, media_type: str) -> None:
    app, _ = application(LocalStages(load_config(None, ["tts.providers=[espeak]"], {})))
    async with official(app) as client:
        ask = client.audio.speech.create
        pcm = await ask(model="tts-1", voice="alloy", input=TEXT, response_format="pcm")
        file = await ask(model="gpt-4o-mini-tts", voice="alloy", input=TEXT, response_format=kind)
    assert pcm.response.headers["content-type"] == "audio/pcm"
    assert file.response.headers["content-type"] == media_type
    assert decoded(file.content) == pytest.approx(len(pcm.content) / 48_000, abs=0.12)
    assert 3 < len(pcm.content) / 48_000 < 8
    assert np.abs(np.frombuffer(pcm.content, "<i2").astype(int)).max() > 3_000


async def test_mp3_is_what_comes_unless_another_is_asked_for() -> None:
    app, _ = application(Talkers())
    answer = await post(app, input=TEXT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert decoded(answer.content) == pytest.approx(1.5, abs=0.1)


async def test_twice_the_pace_is_half_as_long() -> None:
    app, _ = application(LocalStages(load_config(None, ["tts.providers=[espeak]"], {})))
    async with official(app) as client:
        sizes = [
            len((await client.audio.speech.create(model="m", voice="nova", input=TEXT, response_format="pcm", speed=s)).content)
            for s in (1, 2)
        ]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.1)


async def test_the_client_may_stream_it() -> None:
    app, _ = application(Talkers())
    async with (
        official(app) as client,
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
        ) as answer,
    ):
        assert b"".join([piece async for piece in answer.iter_bytes()]) == PIECE * 3


async def test_phrases_go_to_the_stage_without_marks_in_the_voice_and_pace_that_were_asked_for() -> None:
    talkers = Talkers()
    app, _ = application(talkers)
    await post(app, input="# **Hello** there!\n\nIt is [open](http://x.y) today.", voice="f3", speed="1.25", language="de")
    texts = ["Hello there!", "It is open today."]
    assert talkers.asked == [Phrase(text, "de", "f3", 1.25) for text in texts]


async def test_language_and_voice_are_the_server_s_unless_they_are_named() -> None:
    talkers = Talkers()
    app, _ = application(talkers, "conversation.language=fr")
    await post(app, input="Bonjour tout le monde.")
    assert talkers.asked == [Phrase("Bonjour tout le monde.", "fr")]


async def test_a_text_with_nothing_to_say_is_a_short_silence() -> None:
    app, _ = application(Talkers())
    answer = await post(app, input="...", response_format="pcm")
    assert (answer.status_code, answer.content) == (200, bytes(4_800))


async def test_events_hold_the_sound_in_the_format_and_end_with_usage() -> None:
    app, _ = application(Talkers())
    answer = await post(app, input=TEXT, response_format="wav", stream_format="sse")
    assert answer.headers["content-type"] == "text/event-stream"
    *deltas, done = events(answer.content)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert decoded(b"".join(base64.b64decode(event["audio"]) for event in deltas)) == pytest.approx(1.5)
    assert done == {"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}


# When it is sent


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
@pytest.mark.parametrize("stream", ["audio", "sse"])
async def test_the_first_bytes_leave_before_the_second_phrase_is_made(kind: str, stream: str) -> None:
    talkers = Talkers()
    talkers.held = {1: asyncio.Event()}
    app, api = application(talkers)
    request = Bare(app, input=TEXT, response_format=kind, stream_format=stream)
    async with asyncio.timeout(10):
        start, body = await request.sent.get(), await request.sent.get()
        assert (start["type"], start["status"], api.under_way) == ("http.response.start", 200, 1)
        assert len(body["body"]) > 100
        assert talkers.made == 1
        talkers.held[1].set()
        await request.running
    assert (talkers.made, api.under_way) == (3, 0)


async def test_a_client_that_leaves_stops_the_work() -> None:
    talkers = Talkers()
    talkers.held = {1: asyncio.Event()}
    app, api = application(talkers)
    request = Bare(app, input=TEXT)
    await request.sent.get()
    await until(lambda: len(talkers.asked) == 2)
    request.leave()
    async with asyncio.timeout(10):
        await request.running
    assert (talkers.made, talkers.closed, api.under_way) == (1, 2, 0)


async def test_a_client_that_leaves_before_there_is_sound_stops_the_work_too() -> None:
    talkers = Talkers()
    talkers.held = {0: asyncio.Event()}
    app, api = application(talkers)
    request = Bare(app, input=TEXT)
    await until(lambda: len(talkers.asked) == 1)
    request.leave()
    async with asyncio.timeout(10):
        await request.running
    assert (talkers.made, talkers.closed, api.under_way, request.sent.qsize()) == (0, 1, 0, 0)


async def test_where_conversations_would_suffer_no_text_is_taken() -> None:
    talkers = Talkers()
    app, _ = application(talkers, check=no_room)
    answer = await post(app, input=TEXT)
    assert (answer.status_code, answer.headers["retry-after"], talkers.asked) == (503, "5", [])
    assert answer.json()["error"]["code"] == "server_busy"


async def test_one_text_too_many_is_refused_until_a_place_is_free() -> None:
    talkers = Talkers()
    talkers.held = {0: asyncio.Event()}
    app, _ = application(talkers, "api.speeches=1")
    request = Bare(app, input=TEXT)
    await until(lambda: len(talkers.asked) == 1)
    answer = await post(app, input=TEXT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    talkers.held[0].set()
    await request.running
    assert (await post(app, input=TEXT)).status_code == 200


# What goes wrong


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "input_missing", "input"),
        ({"input": "a" * 4_097}, "text_too_long", "input"),
        ({"input": "Hi.", "voice": "nobody"}, "voice_unknown", "voice"),
        ({"input": "Hi.", "voice": "en-gb+f9"}, "voice_unknown", "voice"),
        ({"input": "Hi.", "response_format": "au"}, "format_unsupported", "response_format"),
    ],
    ids=str,
)
async def test_what_cannot_be_spoken_is_refused(body: dict[str, Any], code: str, param: str) -> None:
    talkers = Talkers()
    answer = await post(application(talkers)[0], **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"], talkers.asked) == (400, code, param, [])


@pytest.mark.parametrize("stream", ["audio", "sse"])
async def test_a_failure_before_the_first_sound_is_a_status(stream: Any) -> None:
    app, _ = application(Talkers(fails={0: BROKEN}))
    async with official(app) as client:
        with pytest.raises(APIStatusError) as caught:
            await client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT, stream_format=stream)
    assert (caught.value.status_code, caught.value.code) == (502, "provider_cut")


async def test_a_language_that_nobody_speaks_is_the_client_s_fault() -> None:
    app, _ = application(LocalStages(load_config(None, ["tts.providers=[espeak]"], {})))
    answer = await post(app, input=TEXT, language="qq")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "language_unsupported", "language")


async def test_a_failure_later_breaks_the_connection_and_is_logged_without_the_text(caplog: pytest.LogCaptureFixture) -> None:
    request = Bare(application(Talkers(fails={1: BROKEN}))[0], input=TEXT, response_format="pcm")
    with caplog.at_level(logging.DEBUG), pytest.raises(SpeechCut):
        await request.running
    sent = [request.sent.get_nowait() for _ in range(request.sent.qsize())]
    assert [message.get("more_body") for message in sent] == [None, True]
    assert sent[1]["body"] == PIECE
    assert "speech was cut: provider_cut" in caplog.text
    assert "clinic" not in caplog.text


async def test_a_failure_later_is_the_last_event() -> None:
    app, _ = application(Talkers(fails={1: BROKEN}))
    first, last = events((await post(app, input=TEXT, response_format="pcm", stream_format="sse")).content)
    assert base64.b64decode(first["audio"]) == PIECE
    error = {"message": "it broke", "type": "provider_error", "param": None, "code": "provider_cut"}
    assert last == {"type": "error", "error": error}


# Voices


async def test_all_voices_are_listed_once_with_openai_s_names() -> None:
    app, _ = application(Talkers())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley") as web:
        listed = (await web.get("/v1/audio/voices")).json()["voices"]
    assert [voice["id"] for voice in listed] == [*OPENAI_VOICES, "f3", "en-gb"]
    assert listed[-1] == {"id": "en-gb", "name": "en-gb", "language": "en-gb", "description": "another"}


@pytest.mark.parametrize("voice", ["marin", "f3", "en-gb", "en-gb+f3", {"id": "onyx"}], ids=str)
async def test_a_voice_that_is_listed_may_be_named(voice: Any) -> None:
    assert (await post(application(Talkers())[0], input="Hi.", voice=voice)).status_code == 200
