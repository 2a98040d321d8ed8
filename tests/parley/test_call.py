"""`Call` on made-up times, and one whole call with a server in this process."""

import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from parley import call as calling
from parley.call import Call
from parley.client import Client
from parley.wav import Recording
from pipeline.errors import ServerError

SECOND = bytes(2 * 24_000)


def started() -> Call:
    return Call(out_rate=24_000, opened_at=0.0)


def tell(call: Call, kind: str, now: float, **fields: Any) -> list[str]:
    return call.take({"type": kind, **fields}, now)


def answered() -> Call:
    """We have spoken, and the reply is there."""
    call = started()
    call.begin()
    tell(call, "speech_started", 2.0, at_ms=0)
    call.asked_at = 3.0
    tell(call, "speech_stopped", 3.5, at_ms=0)
    tell(call, "transcript", 3.6, turn=1, text="hi", final=True, language="en", confidence=None)
    tell(call, "audio_started", 3.7, turn=1)
    call.take(SECOND, 3.8)
    tell(call, "audio_done", 4.0, turn=1, ms=1000)
    return call


def test_without_a_greeting_we_speak_after_a_second() -> None:
    call = started()

    assert [call.may_speak(now) for now in (0.0, 0.9, 1.0)] == [False, False, True]


def test_a_greeting_is_heard_to_its_end() -> None:
    call = started()
    tell(call, "audio_started", 0.1, turn=0)
    call.take(SECOND, 0.2)
    call.take(SECOND, 0.3)
    assert not call.may_speak(2.3)

    tell(call, "audio_done", 0.4, turn=0, ms=2000)
    # All of it has come, but two seconds of sound take two seconds.
    assert [call.may_speak(now) for now in (2.1, 2.2)] == [False, True]
    assert call.audio == b""


def test_a_reply_is_complete_with_its_audio_and_its_report() -> None:
    call = answered()
    assert not call.complete(4.1)

    tell(call, "turn", 4.2, turn=1, latency={"endpoint_ms": 500, "asr_ms": 50, "total_ms": 600})
    assert call.complete(4.2)
    assert call.audio == SECOND


def test_a_report_is_not_waited_for_for_ever() -> None:
    call = answered()

    assert [call.complete(now) for now in (4.9, 5.0)] == [False, True]


def test_a_recording_with_a_pause_is_answered_to_its_last_turn() -> None:
    call = answered()
    tell(call, "turn", 4.0, turn=1, latency={"total_ms": 1})
    tell(call, "speech_started", 4.1, at_ms=0)
    assert not call.complete(9.0)

    tell(call, "speech_stopped", 5.0, at_ms=0)
    tell(call, "transcript", 5.1, turn=2, text="again", final=True, language="en", confidence=None)
    assert not call.complete(9.0)

    tell(call, "audio_done", 6.0, turn=2, ms=0)
    tell(call, "turn", 6.0, turn=2, latency={"total_ms": 1})
    assert call.complete(6.0)


def test_what_is_said_next_wants_a_reply_of_its_own() -> None:
    call = answered()
    call.begin()
    call.asked_at = 6.0

    assert not call.complete(60.0)


def test_why_no_reply_will_come() -> None:
    call = started()
    call.begin()
    assert call.hopeless(100.0) is None

    call.asked_at = 3.0
    assert [call.hopeless(now) for now in (7.9, 8.0)] == [None, "the server heard no speech"]

    tell(call, "speech_started", 8.0, at_ms=0)
    assert [call.hopeless(now) for now in (37.9, 38.0)] == [None, "no reply came within 30 s"]


def test_what_is_shown() -> None:
    call = started()

    lines = [
        *tell(call, "session", 0.0, providers={"asr": "sphinx", "tts": "espeak"}),
        *tell(call, "transcript", 1.0, turn=1, text="[half", final=False, language="en", confidence=None),
        *tell(call, "transcript", 1.0, turn=1, text="[bold]all", final=True, language="en", confidence=None),
        *tell(call, "reply", 1.0, turn=1, text="Yes.", final=True),
        *tell(call, "turn", 1.0, turn=1, latency={"endpoint_ms": 500, "asr_ms": 50, "total_ms": 600}),
        *tell(call, "error", 1.0, code="asr_down", message="it broke", fault="provider"),
        *tell(call, "pong", 1.0),
    ]

    console = Console(width=200)
    with console.capture() as shown:
        for line in lines:
            console.print(line)
    assert shown.get().splitlines() == [
        "connected (asr: sphinx, tts: espeak)",
        "you     [bold]all",
        "parley  Yes.",
        "turn 1: 600 ms  (endpoint 500  asr 50)",
        "provider error it broke (asr_down)",
    ]


def test_a_broken_connection_is_told_in_plain_lines() -> None:
    call = started()
    lines = [
        *tell(call, "session", 0.0, providers={}, resumed=False),
        *tell(call, "reconnecting", 1.0, tried=1, tries=5, reason="without a word"),
        *tell(call, "reconnected", 2.0),
        *tell(call, "session", 2.0, providers={}, resumed=True),
        *tell(call, "lost", 9.0, reason="nobody there"),
    ]

    console = Console(width=200)
    with console.capture() as shown:
        for line in lines:
            console.print(line, highlight=False)
    assert shown.get().splitlines() == [
        "connected ()",
        "connection lost (without a word), trying again, 1 of 5",
        "connected again",
        "the conversation is lost",
    ]


def test_a_reply_that_goes_on_has_no_hole_and_no_repetition() -> None:
    call = started()
    call.begin()
    call.asked_at = 0.0
    tell(call, "reply", 0.9, turn=1, text="Yes.", final=True)
    tell(call, "audio_started", 1.0, turn=1)
    call.take(b"\x01\x00" * 24_000, 1.0)
    tell(call, "audio_done", 1.0, turn=1, ms=1000)
    tell(call, "turn", 1.0, turn=1, latency={"total_ms": 1})
    tell(call, "reconnecting", 1.5, tried=1, tries=5, reason="x")
    tell(call, "session", 2.5, providers={}, resumed=True)
    assert tell(call, "reply", 2.5, turn=1, text="Yes.", final=True) == []
    tell(call, "resumed", 2.5, turn=1, at_ms=600)
    assert not call.complete(2.6)

    call.take(b"\x02\x00" * 9_600, 2.6)
    tell(call, "audio_done", 2.6, turn=1, ms=1000)
    assert call.complete(2.6)
    assert call.audio == b"\x01\x00" * 14_400 + b"\x02\x00" * 9_600


def test_a_reply_that_did_not_sound_yet_costs_the_one_before_nothing() -> None:
    call = answered()
    tell(call, "resumed", 9.0, turn=2, at_ms=0)
    tell(call, "audio_started", 9.1, turn=2)
    call.take(SECOND, 9.2)
    assert call.audio == SECOND + SECOND


def test_how_much_would_have_been_heard() -> None:
    call = started()
    assert call.played_ms(0.5) is None

    tell(call, "audio_started", 1.0, turn=1)
    call.take(SECOND, 1.0)
    assert [call.played_ms(now) for now in (1.0, 1.3, 2.1, 3.0)] == [0, 300, 1000, None]


async def echo(socket: ServerConnection) -> None:
    """Greets, and answers the first sound that is not silence with the same sound."""
    await socket.send(
        json.dumps({"type": "session", "id": "x", "resume": "y", "rate": 8000, "out_rate": 24000, "providers": {}})
    )
    for kind in ("audio_started", "audio_done"):
        await socket.send(json.dumps({"type": kind, "turn": 0, "ms": 0}))
    async for message in socket:
        if isinstance(message, bytes) and any(message):
            heard = {"type": "transcript", "turn": 1, "text": "a", "final": True, "language": "en", "confidence": 1.0}
            await socket.send(json.dumps(heard))
            await socket.send(json.dumps({"type": "audio_started", "turn": 1}))
            await socket.send(message)
            await socket.send(json.dumps({"type": "audio_done", "turn": 1, "ms": 20}))
            await socket.send(json.dumps({"type": "turn", "turn": 1, "latency": {"total_ms": 1}}))


async def cut(socket: ServerConnection) -> None:
    await socket.close(1011, "broken")


async def test_a_whole_call_returns_the_replys_audio() -> None:
    sound = np.full(160, 7, np.int16)
    async with serve(echo, "127.0.0.1", 0) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}", 8_000)
        reply = await calling.run(client, Recording(sound, 8_000), "", Console(quiet=True))

    assert reply.tolist() == sound.tolist()


async def test_a_server_that_goes_away_is_told() -> None:
    async with serve(cut, "127.0.0.1", 0) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        with pytest.raises(ServerError, match="1011 broken"):
            await calling.run(Client(f"http://127.0.0.1:{port}", 8_000), None, "hello", Console(quiet=True))


def test_what_is_held_is_not_kept_twice() -> None:
    call = Call(24_000, 0.0)
    call.take({"type": "audio_started", "turn": 1}, 1.0)
    call.take(bytes(48_000), 1.0)
    call.take({"type": "held", "turn": 1, "heard_ms": 250}, 1.25)
    call.take({"type": "resumed", "turn": 1, "at_ms": 250}, 1.6)
    call.take(bytes(36_000), 1.6)
    assert len(call.audio) == 48_000
    assert call.plays_until == 1.6 + 0.75
