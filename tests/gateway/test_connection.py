"""A caller's socket, with both of its ends in the test's hands."""

import asyncio
import json
from typing import Any

import pytest

from gateway.connection import POLICY, Connection, refuse
from pipeline.config import Config, load_config
from pipeline.errors import ClientError
from pipeline.events import HungUp, Played, StopAsked, Typed
from pipeline.notices import AudioStarted, Interrupted
from pipeline.wires.native import Hello


class Link:
    """Records what a connection hands to its shard."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.events: list[Any] = []
        self.forgotten: list[int] = []

    def audio(self, caller: int, pcm: bytes) -> None:
        self.heard += pcm

    def event(self, caller: int, event: Any) -> None:
        self.events.append(event)

    def forget(self, caller: int) -> None:
        self.forgotten.append(caller)


class Socket:
    """The client's end: `say` what it sends, `next` what it got."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.readable = asyncio.Event()
        self.readable.set()

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send(self, message: Any) -> None:
        await self.readable.wait()
        self.outgoing.put_nowait(message)

    def say(self, message: str | bytes) -> None:
        kind = "bytes" if isinstance(message, bytes) else "text"
        self.incoming.put_nowait({"type": "websocket.receive", kind: message})

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def next(self) -> Any:
        message = await asyncio.wait_for(self.outgoing.get(), 5)
        if message["type"] == "websocket.close":
            return message["code"]
        return message["bytes"] if message.get("bytes") is not None else json.loads(message["text"])


class Call:
    def __init__(self, config: Config, rate: int = 16_000) -> None:
        self.socket, self.link = Socket(), Link()
        self.connection = Connection(7, Hello(rate=rate), self.link, config, self.socket.receive, self.socket.send)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.connection.run())


@pytest.fixture
def config() -> Config:
    return load_config(environ={})


async def test_audio_goes_to_the_shard_and_comes_back(config: Config) -> None:
    call = Call(config)
    call.socket.say(b"\x01\x00" * 320)
    call.connection.take(AudioStarted(1))
    call.connection.take(b"\x02\x00")
    assert await call.socket.next() == {"type": "audio_started", "turn": 1}
    assert await call.socket.next() == b"\x02\x00"
    call.socket.leave()
    await call.task
    assert bytes(call.link.heard) == b"\x01\x00" * 320


async def test_other_rates_are_resampled(config: Config) -> None:
    call = Call(config, rate=48_000)
    for _ in range(50):
        call.socket.say(bytes(1920))
    call.socket.leave()
    await call.task
    assert abs(len(call.link.heard) // 2 - 16_000) < 400


async def test_messages_become_events(config: Config) -> None:
    call = Call(config)
    call.socket.say('{"type": "text", "text": "hello"}')
    call.socket.say('{"type": "interrupt"}')
    call.socket.say('{"type": "played", "ms": 120}')
    call.socket.say('{"type": "bye"}')
    assert await call.socket.next() == 1000
    await call.task
    assert call.link.events == [Typed("hello"), StopAsked(), Played(120), HungUp()]
    assert call.link.forgotten == [7]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x01\x02\x03", "audio_odd"),
        (bytes(300_000), "message_too_big"),
        ("{", "json_invalid"),
        ("[]", "type_missing"),
        ("{}", "type_missing"),
        ('{"type": "sing"}', "type_unknown"),
        ('{"type": "text"}', "message_invalid"),
        ('{"type": "played", "ms": -1}', "message_invalid"),
        ('{"type": "text", "text": "%s"}' % ("x" * 5000), "text_too_long"),
        ('{"type": "ping", "extra": 1}', "message_invalid"),
    ],
)
async def test_bad_input_is_answered_and_the_call_goes_on(config: Config, message: str | bytes, code: str) -> None:
    call = Call(config)
    call.socket.say(message)
    answer = await call.socket.next()
    assert (answer["type"], answer["code"], answer["fault"]) == ("error", code, "client")
    call.socket.say('{"type": "ping"}')
    assert await call.socket.next() == {"type": "pong"}
    call.socket.leave()
    await call.task


async def test_audio_faster_than_speech_ends_the_call(config: Config) -> None:
    call = Call(config)
    for _ in range(6):
        call.socket.say(bytes(32_000))
    assert (await call.socket.next())["code"] == "audio_too_fast"
    assert await call.socket.next() == POLICY
    await call.task
    assert len(call.link.heard) == 5 * 32_000


async def test_a_slow_reader_is_told_and_cut_off(config: Config) -> None:
    call = Call(config)
    call.socket.readable.clear()
    for _ in range(11):
        call.connection.take(bytes(48_000))
    call.socket.readable.set()
    answers = [await call.socket.next(), await call.socket.next()]
    while answers[-1] != POLICY:
        answers.append(await call.socket.next())
    assert answers[-2]["code"] == "reader_too_slow"
    await call.task
    assert len(answers) <= 4


async def test_an_interruption_throws_away_audio_that_waits(config: Config) -> None:
    call = Call(config)
    call.connection.take(b"\x01\x00")
    call.connection.take(Interrupted(1, 20, "well"))
    call.connection.take(b"\x02\x00")
    assert (await call.socket.next())["type"] == "interrupted"
    assert await call.socket.next() == b"\x02\x00"
    call.socket.leave()
    await call.task


async def test_the_end_of_the_conversation_closes_the_socket(config: Config) -> None:
    call = Call(config)
    call.connection.take(None)
    assert await call.socket.next() == 1000
    await call.task
    assert call.link.forgotten == [7]


async def test_a_refused_caller_can_read_why() -> None:
    socket = Socket()
    socket.incoming.put_nowait({"type": "websocket.connect"})
    await refuse(ClientError("rate_unsupported", "too high"), socket.receive, socket.send)
    assert (await socket.outgoing.get())["type"] == "websocket.accept"
    assert await socket.next() == {"type": "error", "code": "rate_unsupported", "message": "too high", "fault": "client"}
    assert await socket.next() == POLICY
