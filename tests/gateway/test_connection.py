"""A caller's socket, with both of its ends in the test's hands."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from gateway.connection import _MOST_WAITING, GOING_AWAY, POLICY, Close, Connection, Terms, policy, refuse
from pipeline.config import Config
from pipeline.errors import ClientError
from pipeline.events import Cleared, Committed, Played, StopAsked, Typed
from pipeline.loading import load_config
from pipeline.notices import AsideSpoken, AudioStarted, BufferCleared, Interrupted
from pipeline.wires.native import Hello, Native, refusal
from tests.fakes.fake_time import run_in_fake_time
from tests.gateway.ends import RATE, Socket, ToyCall, Way, samples_before, tone


class Call:
    def __init__(self, config: Config, rate: int = 16_000) -> None:
        self.socket, self.way = Socket(), Way()
        wire, terms = Native(Hello(rate=rate), config), Terms(262_144, 5_000, False, 480_000, policy)
        self.connection = Connection(self.way, wire, terms, self.socket.receive, self.socket.send)  # type: ignore[arg-type]
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
    assert bytes(call.way.heard) == b"\x01\x00" * 320


async def test_other_rates_are_resampled(config: Config) -> None:
    call = Call(config, rate=48_000)
    for _ in range(50):
        call.socket.say(bytes(1920))
    call.socket.leave()
    await call.task
    assert abs(len(call.way.heard) // 2 - 16_000) < 400


async def test_messages_become_events(config: Config) -> None:
    call = Call(config)
    call.socket.say('{"type": "text", "text": "hello"}')
    call.socket.say('{"type": "interrupt"}')
    call.socket.say('{"type": "played", "ms": 120}')
    call.socket.say('{"type": "bye"}')
    assert await call.socket.next() == 1000
    await call.task
    assert call.connection.over is True
    assert call.way.events == [Typed("hello"), StopAsked(), Played(120)]


async def test_a_socket_that_breaks_is_no_goodbye(config: Config) -> None:
    call = Call(config)
    call.socket.say('{"type": "interrupt"}')
    call.socket.leave()
    await call.task
    assert call.connection.over is False
    assert call.way.events == [StopAsked()]


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
    assert call.connection.over is True
    assert len(call.way.heard) == 5 * 32_000


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
    assert call.connection.over is True


async def test_a_refused_caller_can_read_why() -> None:
    socket = Socket()
    socket.incoming.put_nowait({"type": "websocket.connect"})
    error = ClientError("rate_unsupported", "too high")
    await refuse(refusal(error), policy(error), socket.receive, socket.send)
    assert (await socket.outgoing.get())["type"] == "websocket.accept"
    assert await socket.next() == {"type": "error", "code": "rate_unsupported", "message": "too high", "fault": "client"}
    assert await socket.next() == POLICY


# A wire of another kind: audio inside of messages, items, and replies that are sent as fast as they are made


async def test_a_turn_ends_where_its_audio_does() -> None:
    call = ToyCall()
    second = tone(1.0)
    for start in range(0, len(second), 960):
        call.socket.say(second[start : start + 960])
    call.socket.say("commit")
    call.socket.say("commit")
    call.socket.say(second)
    call.socket.say("clear")
    order = await call.hang_up()
    assert [entry for entry in order if not isinstance(entry, int)] == [
        Committed("r", 16_000),
        Committed("r", 16_000),
        Cleared(32_000),
    ]
    assert [samples_before(order, entry) for entry in (Committed("r", 16_000), Cleared(32_000))] == [16_000, 32_000]


async def test_audio_that_comes_with_an_event_comes_first() -> None:
    call = ToyCall()
    call.socket.say("both")
    order = await call.hang_up()
    assert samples_before(order, Committed("r", 16_000)) == 16_000
    assert order[-1] == Committed("r", 16_000)


async def test_the_end_of_what_was_said_is_not_kept_back() -> None:
    call = ToyCall()
    loud = np.full(RATE // 2, 8_000, np.int16).tobytes()
    call.socket.say(loud)
    call.socket.say("commit")
    await call.hang_up()
    last = np.frombuffer(bytes(call.way.heard), np.int16)[-160:]
    assert last[:100].mean() == pytest.approx(8_000, rel=0.05)


async def test_audio_may_come_at_another_rate_from_now_on() -> None:
    call = ToyCall()
    call.socket.say(tone(1.0))
    call.socket.say("rate 8000")
    call.socket.say(tone(1.0, 8_000))
    call.socket.say("rate 16000")
    call.socket.say(tone(1.0, 16_000))
    call.socket.say("commit")
    assert [await call.socket.next(), await call.socket.next()] == [
        {"type": "rate", "rate": 8_000},
        {"type": "rate", "rate": 16_000},
    ]
    order = await call.hang_up()
    assert (samples_before(order, order[-1]), order[-1]) == (48_000, Committed("r", 48_000))


@pytest.mark.parametrize("samples", [0, 24_000, 2_400_000])
async def test_audio_of_an_item_is_brought_to_the_rate_that_is_listened_to(samples: int) -> None:
    call = ToyCall()
    call.socket.say(f"item {samples}")
    order = await call.hang_up()
    assert [len(event.pcm) // 2 for event in order] == [samples * 2 // 3]


def test_a_burst_is_taken_at_once_and_what_goes_beyond_it_slowly() -> None:
    async def job() -> tuple[float, float, int]:
        call = ToyCall(ahead_ms=120_000)
        clock = asyncio.get_running_loop().time
        for _ in range(120):
            call.socket.say(tone(1.0))
        call.socket.say("ask")
        await call.socket.next()
        at_once = clock()
        for _ in range(24):
            call.socket.say(tone(1.0))
        call.socket.say("ask")
        await call.socket.next()
        slowly = clock()
        await call.hang_up()
        return at_once, round(slowly, 3), round(len(call.way.heard) / 2 / 16_000)

    assert run_in_fake_time(job) == (0, 24 / 8, 144)


def test_the_largest_message_is_taken_and_others_get_their_turn_meanwhile() -> None:
    async def job() -> tuple[bool, int]:
        call = ToyCall(ahead_ms=400_000)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        call.socket.say(bytes(15 * 1024 * 1024 * 3 // 4))
        call.socket.say("ask")
        beside = asyncio.create_task(others())
        await call.socket.next()
        beside.cancel()
        await call.hang_up()
        return turns > 100, round(len(call.way.heard) / 2 / 16_000)

    assert run_in_fake_time(job) == (True, 246)


async def test_a_message_over_the_limit_is_refused_and_the_call_goes_on() -> None:
    call = ToyCall(message_bytes=1_000)
    call.socket.say(bytes(1_002))
    call.socket.say("ask")
    assert [await call.socket.next(), await call.socket.next()] == [
        {"type": "error", "code": "message_too_big"},
        {"type": "answer"},
    ]
    assert await call.hang_up() == []


async def test_audio_that_an_interruption_throws_away_never_reaches_the_codec() -> None:
    call = ToyCall()
    aside = AsideSpoken(2, b"\x01\x00")
    call.connection.take(AudioStarted(1))
    call.connection.take(bytes(9_600))
    call.connection.take(aside)
    call.connection.take(Interrupted(1, 20, "well"))
    assert [(await call.socket.next())["type"] for _ in range(3)] == ["AudioStarted", "AsideSpoken", "Interrupted"]
    await call.hang_up()
    assert call.wire.written == [AudioStarted(1), aside, Interrupted(1, 20, "well")]


Fill = Callable[[ToyCall], Awaitable[None]]


async def reply(call: ToyCall) -> None:
    for _ in range(11):
        call.connection.take(bytes(48_000))


async def asides(call: ToyCall) -> None:
    for _ in range(11):
        call.connection.take(AsideSpoken(1, bytes(48_000)))


async def notices(call: ToyCall) -> None:
    for _ in range(5_000):
        call.connection.take(BufferCleared())


async def answers(call: ToyCall) -> None:
    for _ in range(_MOST_WAITING + 1):
        call.socket.say("ask")
    await call.socket.incoming.join()


@pytest.mark.parametrize("fill", [reply, asides, notices, answers])
async def test_nothing_grows_for_a_client_that_does_not_read(fill: Fill) -> None:
    call = ToyCall()
    call.socket.readable.clear()
    await fill(call)
    call.connection.take(bytes(48_000))
    call.socket.readable.set()
    got = [await call.socket.next(), await call.socket.next()]
    while got[-1] != 4_000:
        got.append(await call.socket.next())
    await call.task
    assert got[-2:] == [{"type": "error", "code": "reader_too_slow"}, 4_000]
    assert len(got) <= 3


def test_a_session_has_its_time() -> None:
    async def job() -> tuple[Any, dict[str, Any], float]:
        call = ToyCall(lasts_s=3_600, closing=lambda error: Close(GOING_AWAY, f"toy.{error.code}"))
        told, closed = await asyncio.wait_for(call.socket.outgoing.get(), 4_000), await call.socket.outgoing.get()
        await call.task
        assert call.connection.over is True
        assert call.way.order == []
        return json.loads(told["text"]), closed, asyncio.get_running_loop().time()

    closed = {"type": "websocket.close", "code": 1001, "reason": "toy.session_expired"}
    assert run_in_fake_time(job) == ({"type": "error", "code": "session_expired"}, closed, 3_600)


def test_the_client_of_a_replica_that_goes_hears_all_and_is_sent_to_another() -> None:
    async def job() -> tuple[list[Any], bool, float]:
        call = ToyCall(moves_after_s=50)
        call.connection.move_later()
        await asyncio.sleep(49.9)
        call.connection.take(b"\x01\x00")
        got = [await call.socket.next(), await asyncio.wait_for(call.socket.outgoing.get(), 5)]
        await call.task
        return got, call.connection.over, asyncio.get_running_loop().time()

    got, over, at = run_in_fake_time(job)
    closed = {"type": "websocket.close", "code": 1012, "reason": "service_restart"}
    assert got == [{"type": "audio", "bytes": 2}, closed]
    assert over is False
    assert 50 <= at <= 53


def test_a_client_that_could_not_go_on_elsewhere_stays() -> None:
    async def job() -> tuple[list[Any], bool]:
        call = ToyCall()
        call.connection.move_later()
        await asyncio.sleep(10_000)
        call.connection.take(b"\x01\x00")
        got = [await call.socket.next()]
        call.socket.leave()
        await call.task
        return got, call.connection.over

    assert run_in_fake_time(job) == ([{"type": "audio", "bytes": 2}], False)


def test_a_client_that_left_by_itself_is_not_sent_away() -> None:
    async def job() -> list[Any]:
        call = ToyCall(moves_after_s=50)
        call.connection.move_later()
        call.socket.leave()
        await call.task
        await asyncio.sleep(100)
        return [await call.socket.next(), call.socket.outgoing.qsize()]

    assert run_in_fake_time(job) == [1000, 0]


async def test_a_mistake_of_a_codec_ends_the_call_and_leaves_a_trace_without_words(caplog: pytest.LogCaptureFixture) -> None:
    call = ToyCall()
    call.socket.say("secret words")
    assert await call.socket.next() == 1000
    await call.task
    assert "RuntimeError" in caplog.text
    assert "in read" in caplog.text
    assert "secret words" not in caplog.text
