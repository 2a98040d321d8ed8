"""`/ws` in one gateway, up to the shard that holds the conversation, which the test plays."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette

from actors.inbox import Opening
from actors.outbox import ForClient, Rejoined
from gateway.calls import Call
from gateway.guard import Guard
from gateway.native import NativeApi
from gateway.voices import Voices
from pipeline.errors import ServerError
from pipeline.events import FromCaller, HungUp, Typed, WentAway
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import AudioStarted, WentOn
from pipeline.ports import Wish
from tests.gateway.audio.talkers import Talkers
from tests.gateway.ends import Socket

SECRET = "a-secret-of-some-length"
TOKEN = f"00000000000000ff.{SECRET}"


class Shards:
    """In place of all shards and the ways to them: they know one conversation."""

    def __init__(self) -> None:
        self.openings: list[Opening] = []
        self.heard = bytearray()
        self.events: list[FromCaller] = []
        self.taker: Callable[[ForClient], None] = lambda _: None
        self.knows = {0xFF: SECRET}
        self.busy = self.starting = False
        """Whether one of them is being started again."""

    def check_room(self) -> None:
        if self.busy:
            raise ServerError("server_busy", "try again in 5 s")

    def open(self, call: Call, taker: Callable[[ForClient], None]) -> None:
        self.openings.append(call.opening)
        call.link, call.taker = self, taker  # type: ignore[assignment]
        self.taker = call.take

    async def rejoin(self, call: Call, secret: str) -> Rejoined | None:
        if self.starting:
            raise ServerError("resume_later", "try once more")
        if self.knows.get(call.id) != secret:
            return None
        call.link = self  # type: ignore[assignment]
        call.take(WentOn(3, 250))
        self.taker = call.take
        return Rejoined(Manner("es", 24_000), "clinic", 640, 2, 0)

    def audio(self, _: int, pcm: bytes) -> None:
        self.heard += pcm

    def event(self, _: int, event: FromCaller) -> None:
        self.events.append(event)

    def end(self, call: Call, last: FromCaller) -> None:
        call.event(last)


class Caller:
    def __init__(self, shards: Shards, query: str = "") -> None:
        config = load_config(environ={})
        api = NativeApi(config, Voices(Talkers()), Guard(config), lambda: self, lambda: shards)  # type: ignore[arg-type]
        scope = {"type": "websocket", "path": "/ws", "query_string": query.encode(), "headers": [], "subprotocols": []}
        self.socket = Socket()
        self.socket.incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(Starlette(routes=api.routes())(scope, self.socket.receive, self.socket.send))

    def answering(self) -> dict[str, str]:
        return {"asr": "sim"}

    async def session(self) -> Any:
        assert await asyncio.wait_for(self.socket.outgoing.get(), 5) == {"type": "websocket.accept"}
        return await self.socket.next()

    async def refused(self) -> tuple[str, int]:
        """Why, and with which code."""
        error = await self.session()
        assert error["type"] == "error"
        close = await asyncio.wait_for(self.socket.outgoing.get(), 5)
        assert close["reason"] == error["code"]
        await self.task
        return error["code"], close["code"]

    async def leave(self) -> None:
        self.socket.leave()
        await self.task


@pytest.fixture
def shards() -> Shards:
    return Shards()


async def test_a_conversation_begins_as_its_caller_wishes(shards: Shards) -> None:
    caller = Caller(shards, "rate=8000&out_rate=16000&lang=es&flow=clinic&voice=alloy")
    session = await caller.session()
    [opening] = shards.openings
    assert (opening.flow, opening.manner) == ("clinic", Manner("es", 16_000, Wish(voice="alloy")))
    assert session == {
        "type": "session",
        "id": f"{opening.id:016x}",
        "resume": f"{opening.id:016x}.{opening.secret}",
        "rate": 8_000,
        "out_rate": 16_000,
        "providers": {"asr": "sim"},
        "resumed": False,
    }
    assert len(opening.secret) >= 16
    await caller.leave()


async def test_what_is_said_goes_both_ways(shards: Shards) -> None:
    caller = Caller(shards)
    await caller.session()
    caller.socket.say(b"\x01\x00")
    caller.socket.say('{"type": "text", "text": "hello"}')
    shards.taker(AudioStarted(1))
    assert await caller.socket.next() == {"type": "audio_started", "turn": 1}
    await caller.leave()
    assert (bytes(shards.heard), shards.events[0]) == (b"\x01\x00", Typed("hello"))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("rate=1", "rate_unsupported"),
        ("flow=none", "flow_unknown"),
        ("lang=xx", "language_unsupported"),
        ("voice=nobody", "voice_unknown"),
        ("resume=1", "query_invalid"),
    ],
)
async def test_what_cannot_be_is_refused(shards: Shards, query: str, code: str) -> None:
    assert await Caller(shards, query).refused() == (code, 1008)
    assert shards.openings == []


# How it ends


async def test_a_connection_that_breaks_may_come_back(shards: Shards) -> None:
    caller = Caller(shards)
    await caller.session()
    await caller.leave()
    assert shards.events == [WentAway()]


async def test_who_says_goodbye_does_not(shards: Shards) -> None:
    caller = Caller(shards)
    await caller.session()
    caller.socket.say('{"type": "bye"}')
    assert await caller.socket.next() == 1000
    await caller.task
    assert shards.events == [HungUp()]


async def test_nor_who_breaks_the_rules(shards: Shards) -> None:
    caller = Caller(shards)
    await caller.session()
    for _ in range(6):
        caller.socket.say(bytes(32_000))
    assert (await caller.socket.next())["code"] == "audio_too_fast"
    await caller.task
    assert shards.events == [HungUp()]


# Coming back


async def test_a_caller_comes_back_to_the_conversation(shards: Shards) -> None:
    caller = Caller(shards, f"resume={TOKEN}")
    session = await caller.session()
    assert (session["id"], session["resume"], session["resumed"]) == (TOKEN.partition(".")[0], TOKEN, True)
    # What the shard told since then comes after it.
    assert await caller.socket.next() == {"type": "resumed", "turn": 3, "at_ms": 250}
    shards.taker(b"\x01\x00")
    assert await caller.socket.next() == b"\x01\x00"
    caller.socket.say('{"type": "text", "text": "hello"}')
    await caller.leave()
    assert (shards.openings, shards.events) == ([], [Typed("hello"), WentAway()])


@pytest.mark.parametrize("token", [f"00000000000000ff.{SECRET}x", f"00000000000000fe.{SECRET}"], ids=["a wrong secret", "over"])
async def test_a_token_that_fits_nothing_is_refused(shards: Shards, token: str) -> None:
    assert await Caller(shards, f"resume={token}").refused() == ("resume_unknown", 1008)
    assert (shards.openings, shards.events) == ([], [])


async def test_while_a_shard_is_being_started_the_caller_should_try_again(shards: Shards) -> None:
    shards.starting = True
    assert await Caller(shards, f"resume={TOKEN}").refused() == ("resume_later", 1013)


async def test_the_reply_comes_at_the_rate_it_began_with(shards: Shards) -> None:
    caller = Caller(shards, f"resume={TOKEN}&out_rate=8000")
    assert await caller.refused() == ("rate_unsupported", 1008)
    # It waits for a caller who can hear it.
    assert shards.events == [WentAway()]


async def test_the_place_of_one_who_comes_back_is_left_again(shards: Shards) -> None:
    for _ in range(3):
        caller = Caller(shards, f"resume={TOKEN}")
        await caller.session()
        await caller.leave()
    assert shards.events == 3 * [WentAway()]


async def test_a_server_without_room_says_when_to_come_back_and_keeps_who_is_inside() -> None:
    shards = Shards()
    shards.busy = True
    assert await Caller(shards).refused() == ("server_busy", 1013)
    assert (await Caller(shards, f"resume={TOKEN}").session())["resumed"] is True


@pytest.mark.parametrize(("code", "expected"), [(1000, HungUp()), (1001, WentAway()), (1005, WentAway()), (1006, WentAway())])
async def test_who_closes_in_the_usual_way_has_left_and_a_broken_connection_has_not(
    shards: Shards, code: int, expected: FromCaller
) -> None:
    caller = Caller(shards)
    await caller.session()
    caller.socket.leave(code)
    await caller.task
    assert shards.events == [expected]
