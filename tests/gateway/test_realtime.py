"""The address of the Realtime API, up to the shard that holds the conversation."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from starlette.applications import Starlette

from actors.inbox import Opening
from gateway.calls import Call as Carried
from gateway.guard import Guard, guarded
from gateway.realtime import RealtimeApi
from gateway.voices import Voices
from pipeline import keys
from pipeline.errors import ServerError
from pipeline.events import Adjusted, Committed, FromCaller, HungUp
from pipeline.loading import load_config
from pipeline.ports import Voice
from tests.fakes.fake_time import run_in_fake_time
from tests.gateway.ends import Socket

_EVENT = TypeAdapter[Any](RealtimeServerEvent)


class Shard:
    """In place of all shards and the ways to them."""

    def __init__(self) -> None:
        self.openings: list[Opening] = []
        self.heard = bytearray()
        self.events: list[FromCaller] = []
        self.ended: list[int] = []
        self.busy = False

    def check_room(self) -> None:
        if self.busy:
            raise ServerError("server_busy", "try again in 5 s")

    def open(self, call: Carried, _: Callable[[Any], None]) -> None:
        self.openings.append(call.opening)
        call.link = self  # type: ignore[assignment]

    def audio(self, _: int, pcm: bytes) -> None:
        self.heard += pcm

    def event(self, _: int, event: FromCaller) -> None:
        self.events.append(event)

    def end(self, call: Carried, last: FromCaller) -> None:
        call.event(last)
        self.ended.append(call.id)


class Speakers:
    """A stage that cannot be reached when it is asked first."""

    asked = 0

    async def voices(self) -> tuple[Voice, ...]:
        self.asked += 1
        if self.asked == 1:
            raise ConnectionError
        return (Voice("en-gb", "en", "a voice"),)


class Door:
    def __init__(self, *overrides: str, llm: str = "", needs_keys: bool = False) -> None:
        mine = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}', conversations: 1}}]"
        always = ["keys.required=always"] if needs_keys else []
        self.config = load_config(None, [mine, *always, *overrides], {})
        self.shard, self.speakers = Shard(), Speakers()
        self.providers = {"llm": llm} if llm else {}
        guard = Guard(self.config)
        api = RealtimeApi(self.config, Voices(self.speakers), guard, lambda: self, lambda: self.shard)  # type: ignore[arg-type]
        self.app = Starlette(routes=[guarded("/v1", api.routes(), guard)])

    def answering(self) -> dict[str, str]:
        return self.providers

    def call(self, *offered: str, query: str = "model=gpt-realtime", beta: str = "") -> "Call":
        headers = [(b"openai-beta", beta.encode())] if beta else []
        scope = {
            "type": "websocket",
            "path": "/v1/realtime",
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": list(offered),
        }
        return Call(self.app, scope)


class Call:
    def __init__(self, app: Starlette, scope: dict[str, Any]) -> None:
        self.socket = Socket()
        self.socket.incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self.socket.receive, self.socket.send))

    async def frames(self, count: int) -> list[Any]:
        return [await self.socket.outgoing.get() for _ in range(count)]

    async def event(self) -> Any:
        told = json.loads((await self.socket.outgoing.get())["text"])
        _EVENT.validate_python(told)
        return told

    def say(self, **event: Any) -> None:
        self.socket.say(json.dumps(event))

    async def hang_up(self) -> None:
        self.socket.leave()
        await self.task


@pytest.mark.parametrize(
    ("offered", "query", "beta", "code", "closed"),
    [
        ((), "model=m", "", "invalid_api_key", 3000),
        (("realtime", "openai-insecure-api-key.b"), "model=m", "", "invalid_api_key", 3000),
        (("realtime", "openai-insecure-api-key.a"), "", "", "missing_model", 4000),
        (("realtime", "openai-insecure-api-key.a"), "model=", "", "missing_model", 4000),
        (("realtime", "openai-insecure-api-key.a"), "model=m&intent=song", "", "invalid_value", 4000),
        (("realtime", "openai-insecure-api-key.a"), "model=m", "realtime=v1", "beta_api_shape_disabled", 4000),
    ],
)
async def test_who_may_not_come_in_is_told_why(offered: tuple[str, ...], query: str, beta: str, code: str, closed: int) -> None:
    door = Door(needs_keys=True)
    call = door.call(*offered, query=query, beta=beta)
    await call.task
    [accepted, told, close] = await call.frames(3)
    assert (accepted["type"], accepted.get("subprotocol")) == ("websocket.accept", offered[0] if offered else None)
    error = json.loads(told["text"])
    _EVENT.validate_python(error)
    assert (error["type"], error["error"]["type"], error["error"]["code"]) == ("error", "invalid_request_error", code)
    assert close == {"type": "websocket.close", "code": closed, "reason": f"invalid_request_error.{code}"}
    assert door.shard.openings == []


async def test_a_key_holds_no_more_conversations_than_it_may() -> None:
    door = Door(needs_keys=True)
    first = door.call("realtime", "openai-insecure-api-key.a")
    assert await first.frames(1) == [{"type": "websocket.accept", "subprotocol": "realtime"}]
    second = door.call("realtime", "openai-insecure-api-key.a")
    [_, told, close] = await second.frames(3)
    assert json.loads(told["text"])["error"]["code"] == "rate_limit_exceeded"
    assert (close["code"], close["reason"]) == (1013, "invalid_request_error.rate_limit_exceeded")
    await first.hang_up()
    third = door.call("realtime", "openai-insecure-api-key.a")
    await third.frames(1)
    assert (await third.event())["type"] == "session.created"
    await third.hang_up()


async def test_a_server_without_room_says_when_to_come_back() -> None:
    door = Door()
    door.shard.busy = True
    call = door.call()
    accepted, told, close = await call.frames(3)
    assert accepted == {"type": "websocket.accept"}
    error = json.loads(told["text"])["error"]
    assert (error["type"], error["code"], error["message"]) == ("server_error", "server_busy", "try again in 5 s")
    assert (close["code"], close["reason"]) == (1013, "server_error.server_busy")


async def test_a_session_begins_and_its_conversation_is_held_in_its_manner() -> None:
    door = Door()
    call = door.call()
    assert await call.frames(1) == [{"type": "websocket.accept"}]
    created = await call.event()
    assert created["type"] == "session.created"
    assert (created["session"]["type"], created["session"]["model"]) == ("realtime", "gpt-realtime")
    await call.hang_up()
    [opening] = door.shard.openings
    assert created["session"]["id"] == f"sess_{opening.id:016x}"
    manner = opening.manner
    assert (opening.flow, manner.language, manner.out_rate) == ("clinic", "en", 24_000)
    assert (manner.keeps_items, manner.greets, manner.answers) == (True, False, True)
    assert (door.shard.events, door.shard.ended) == ([HungUp()], [opening.id])


@pytest.mark.parametrize("query", ["intent=transcription", "intent=transcription&model=whisper-1"])
async def test_a_session_of_transcription_needs_no_model(query: str) -> None:
    door = Door()
    call = door.call(query=query)
    await call.frames(1)
    assert (await call.event())["session"]["type"] == "transcription"
    await call.hang_up()
    assert (door.shard.openings[0].manner.answers, door.shard.openings[0].manner.detects) == (False, True)


async def test_audio_becomes_what_the_shard_listens_to() -> None:
    door = Door()
    call = door.call()
    await call.frames(2)
    call.say(type="input_audio_buffer.append", audio="AAAA" * 960)
    call.say(type="input_audio_buffer.commit")
    await call.hang_up()
    assert len(door.shard.heard) // 2 == 960
    assert [event.at for event in door.shard.events if isinstance(event, Committed)] == [960]


@pytest.mark.parametrize(
    ("llm", "foreseen"), [("flow", True), ("openai", False), ("", True)], ids=["the flow", "a model", "not known yet"]
)
async def test_words_of_the_flow_are_expected_where_the_flow_answers(llm: str, foreseen: bool) -> None:
    door = Door(llm=llm)
    call = door.call()
    await call.frames(2)
    call.say(type="session.update", session={"type": "realtime", "instructions": "You sell hats."})
    assert (await call.event())["type"] == "session.updated"
    await call.hang_up()
    assert [event.manner.foreseen for event in door.shard.events if isinstance(event, Adjusted)] == [foreseen]


async def test_voices_are_known_as_soon_as_the_stage_tells_them() -> None:
    door = Door()
    answers: list[str] = []
    for _ in range(2):
        call = door.call()
        await call.frames(2)
        call.say(type="session.update", session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}})
        answers.append((await call.event())["type"])
        await call.hang_up()
    assert answers == ["session.updated", "error"]


def test_a_session_has_its_time() -> None:
    async def job() -> tuple[Any, Any]:
        call = Door("server.longest_conversation_s=60").call()
        await call.frames(2)
        [told, close] = await call.frames(2)
        await call.task
        return json.loads(told["text"])["error"]["code"], close

    closed = {"type": "websocket.close", "code": 1001, "reason": "invalid_request_error.session_expired"}
    assert run_in_fake_time(job) == ("session_expired", closed)


async def test_calls_over_webrtc_are_refused_with_a_reason() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Door().app), base_url="http://parley") as http:
        response = await http.post("/v1/realtime/calls", content="v=0", headers={"Content-Type": "application/sdp"})
    assert (response.status_code, response.json()["error"]["code"]) == (501, "not_implemented")
