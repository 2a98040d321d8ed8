"""Against a real WebSocket server in this process that says what each test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from parley.client import Client, Patience
from pipeline.errors import ClientError, ServerError

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def path_of(socket: ServerConnection) -> str:
    assert socket.request is not None
    return socket.request.path


async def test_the_query_says_what_is_not_left_to_the_server() -> None:
    paths: list[str] = []

    async def note(socket: ServerConnection) -> None:
        paths.append(path_of(socket))

    async with server(note) as url:
        for address in (url, f"{url}/ws", url.replace("http", "ws"), url.removeprefix("http://")):
            async with Client(address, 8_000):
                pass
        async with Client(url, 16_000, 48_000, "de", "clinic"):
            pass

    assert paths == ["/ws?rate=8000&out_rate=24000"] * 4 + ["/ws?rate=16000&out_rate=48000&lang=de&flow=clinic"]


@pytest.mark.parametrize(("key", "header"), [("", None), ("pk_x", "Bearer pk_x")])
async def test_a_key_goes_into_the_header_and_not_into_the_address(key: str, header: str | None) -> None:
    shown: list[Any] = []

    async def note(socket: ServerConnection) -> None:
        assert socket.request is not None
        shown.append((socket.request.headers.get("Authorization"), "pk_x" in path_of(socket)))

    async with server(note) as url, Client(url, 8_000, key=key):
        pass

    assert shown == [(header, False)]


@pytest.mark.parametrize("code", ["key_missing", "key_invalid"])
async def test_who_lacks_a_right_key_hears_where_it_goes(code: str) -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.close(1008, code)

    async with server(refuse) as url, Client(url, 8_000) as client:
        with pytest.raises(ClientError, match="PARLEY_KEY") as caught:
            await anext(aiter(client))

    assert caught.value.code == code


async def test_everything_goes_over_as_the_wire_has_it() -> None:
    got: list[Any] = []

    async def note(socket: ServerConnection) -> None:
        got.extend([json.loads(message) if isinstance(message, str) else message async for message in socket])

    async with server(note) as url, Client(url, 8_000) as client:
        await client.send_audio(np.array([1, -2], np.int16))
        await client.send_text("hello")
        await client.interrupt()
        await client.report_played(120)
        await client.ping()
        await client.bye()

    assert got == [
        b"\x01\x00\xfe\xff",
        {"type": "text", "text": "hello"},
        {"type": "interrupt"},
        {"type": "played", "ms": 120},
        {"type": "ping"},
        {"type": "bye"},
    ]


async def test_what_comes_back_comes_in_order() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"type": "audio_started", "turn": 1}')
        await socket.send(b"\x01\x00")
        await socket.send('{"type": "audio_done", "turn": 1, "ms": 0}')

    async with server(talk) as url, Client(url, 8_000) as client:
        received = [message async for message in client]

    expected = [{"type": "audio_started", "turn": 1}, b"\x01\x00", {"type": "audio_done", "turn": 1, "ms": 0}]
    assert received == expected


async def test_speech_goes_out_in_frames_at_the_pace_of_speech() -> None:
    sizes: list[int] = []

    async def note(socket: ServerConnection) -> None:
        sizes.extend([len(message) async for message in socket])

    loop = asyncio.get_running_loop()
    async with server(note) as url, Client(url, 11_025) as client:
        begun = loop.time()
        # Two stretches, as a call has speech and then silence: no time is won or lost between them.
        await client.speak(np.zeros(1_102, np.int16))
        await client.speak(np.zeros(1_103, np.int16))
        took = loop.time() - begun

    assert sizes == [440, 440, 440, 440, 440, 4, 440, 440, 440, 440, 440, 6]
    # The first frame leaves at once, as that of a microphone that was open already.
    assert took >= 0.17


async def test_an_end_that_was_not_announced_is_an_error() -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.send('{"type": "error", "code": "x", "message": "y", "fault": "client"}')
        await socket.close(1008, "flow_unknown")

    async with server(refuse) as url, Client(url, 8_000) as client:
        messages = aiter(client)
        first = await anext(messages)
        with pytest.raises(ServerError) as caught:
            await anext(messages)

    assert first == {"type": "error", "code": "x", "message": "y", "fault": "client"}
    assert (caught.value.code, "1008 flow_unknown" in caught.value.message) == ("disconnected", True)


async def test_nobody_there_is_one_line() -> None:
    with pytest.raises(ServerError) as caught:
        async with Client("http://127.0.0.1:9", 8_000):
            pass

    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ClientError) as caught:
        Client(url, 8_000)

    assert caught.value.code == "url_invalid"


# Coming back

AT_ONCE = Patience(again_s=0.01)
TOKEN = "00000000000000ff.a-secret"


def session(*, resumed: bool) -> str:
    return json.dumps({"type": "session", "id": "ff", "resume": TOKEN, "resumed": resumed})


def no(code: str, fault: str) -> str:
    return json.dumps({"type": "error", "code": code, "message": f"no: {code}", "fault": fault})


class Door:
    """Answers each connection in its turn; those that come back show the token."""

    def __init__(self, *answers: Handler) -> None:
        self._answers = iter(answers)
        self.paths: list[str] = []

    async def __call__(self, socket: ServerConnection) -> None:
        self.paths.append(path_of(socket))
        await next(self._answers)(socket)


async def begins_and_breaks(socket: ServerConnection) -> None:
    await socket.send(session(resumed=False))
    await socket.send(b"\x01\x00")
    await socket.recv()
    socket.transport.abort()


async def goes_on(socket: ServerConnection) -> None:
    await socket.send(session(resumed=True))
    await socket.send(json.dumps({"type": "resumed", "turn": 1, "at_ms": 0}))
    await socket.send(b"\x01\x00")


def refuses(code: str, fault: str, closed: int) -> Handler:
    async def refuse(socket: ServerConnection) -> None:
        await socket.send(no(code, fault))
        await socket.close(closed, code)

    return refuse


async def breaks(socket: ServerConnection) -> None:
    socket.transport.abort()


async def talk(url: str, patience: Patience = AT_ONCE) -> list[Any]:
    """What a caller gets who makes the first connection break."""
    async with Client(url, 8_000, patience=patience) as client:
        received: list[Any] = []
        try:
            async for message in client:
                received.append(message)
                if message == b"\x01\x00" and len(received) == 2:
                    await client.ping()
        except (ClientError, ServerError) as error:
            received.append(error.code)
        return received


def kinds(received: list[Any]) -> list[str]:
    return [message["type"] if isinstance(message, dict) else str(message) for message in received]


async def test_a_connection_that_breaks_is_made_again_and_the_conversation_goes_on() -> None:
    door = Door(begins_and_breaks, goes_on)
    async with server(door) as url:
        received = await talk(url)

    assert received == [
        json.loads(session(resumed=False)),
        b"\x01\x00",
        {"type": "reconnecting", "tried": 1, "tries": 5, "reason": "without a word"},
        {"type": "reconnected"},
        json.loads(session(resumed=True)),
        {"type": "resumed", "turn": 1, "at_ms": 0},
        b"\x01\x00",
    ]
    assert door.paths == ["/ws?rate=8000&out_rate=24000", f"/ws?rate=8000&out_rate=24000&resume={TOKEN}"]


@pytest.mark.parametrize(
    "not_yet",
    [breaks, refuses("resume_later", "server", 1013), refuses("rate_limit_exceeded", "client", 1008)],
    ids=["broken again", "a shard is being started", "the place is not free yet"],
)
async def test_it_is_tried_again(not_yet: Handler) -> None:
    async with server(Door(begins_and_breaks, not_yet, not_yet, goes_on)) as url:
        received = await talk(url)

    assert [message["tried"] for message in received if isinstance(message, dict) and "tried" in message] == [1, 2, 3]
    assert kinds(received)[-4:-2] == ["reconnected", "session"]


async def test_five_tries_and_no_more() -> None:
    async with server(Door(begins_and_breaks, *[breaks] * 5)) as url:
        received = await talk(url)

    assert kinds(received)[2:] == ["reconnecting"] * 5 + ["lost", "disconnected"]


async def test_a_conversation_that_is_over_is_not_asked_for_again() -> None:
    async with server(Door(begins_and_breaks, refuses("resume_unknown", "client", 1008))) as url:
        received = await talk(url)

    assert kinds(received)[2:] == ["reconnecting", "lost", "resume_unknown"]
    assert received[-2]["reason"] == "no: resume_unknown"


async def test_a_second_passes_before_a_try() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with server(Door(begins_and_breaks, goes_on)) as url:
        await talk(url, Patience())

    assert loop.time() - begun >= 1.0


async def test_who_is_sent_to_another_gateway_comes_at_once() -> None:
    async def begins_and_is_sent_away(socket: ServerConnection) -> None:
        await socket.send(session(resumed=False))
        await socket.close(1012, "service_restart")

    async with server(Door(begins_and_is_sent_away, goes_on)) as url:
        async with asyncio.timeout(5):
            received = await talk(url, Patience(again_s=60))

    assert kinds(received)[:4] == ["session", "reconnecting", "reconnected", "session"]


async def test_who_breaks_a_rule_does_not_come_back() -> None:
    async def lets_go(socket: ServerConnection) -> None:
        await socket.send(session(resumed=False))
        await socket.close(1008, "audio_too_fast")

    door = Door(lets_go)
    async with server(door) as url:
        received = await talk(url)

    assert (kinds(received), len(door.paths)) == (["session", "disconnected"], 1)


async def test_what_is_said_meanwhile_is_sent_as_far_as_it_may_be() -> None:
    got: list[Any] = []

    async def hears(socket: ServerConnection) -> None:
        await socket.send(session(resumed=True))
        got.extend([message async for message in socket])

    async with server(Door(begins_and_breaks, hears)) as url, Client(url, 8_000, patience=AT_ONCE) as client:
        async for message in client:
            match message:
                case b"\x01\x00":
                    await client.ping()
                case {"type": "reconnecting"}:
                    await client.send_text("hello")
                    for second in range(6):
                        await client.send_audio(np.full(8_000, second, np.int16))
                    await client.report_played(100)
                case {"type": "reconnected"}:
                    await client.send_audio(np.array([7], np.int16))
                    await client.bye()
                case _:
                    pass

    # Four seconds and no more, what is newest; and what was played is told anew.
    seconds = [np.full(8_000, second, "<i2").tobytes() for second in (2, 3, 4, 5)]
    assert got == ['{"type": "text", "text": "hello"}', *seconds, b"\x07\x00", '{"type": "bye"}']


async def test_a_heart_that_does_not_answer_is_a_broken_connection() -> None:
    async def hangs(socket: ServerConnection) -> None:
        await socket.send(session(resumed=False))
        assert json.loads(await socket.recv()) == {"type": "ping"}
        await socket.wait_closed()

    async with server(Door(hangs, goes_on)) as url:
        received = await talk(url, Patience(again_s=0.01, heartbeat_s=0.02, pong_s=0.02))

    assert kinds(received)[:3] == ["session", "reconnecting", "reconnected"]


async def test_one_that_answers_is_none() -> None:
    beats = 0

    async def answers(socket: ServerConnection) -> None:
        nonlocal beats
        await socket.send(session(resumed=False))
        async for _ in socket:
            beats += 1
            await socket.send('{"type": "pong"}')
            if beats == 3:
                return

    async with server(Door(answers)) as url:
        received = await talk(url, Patience(heartbeat_s=0.01, pong_s=5))

    assert kinds(received) == ["session", "pong", "pong", "pong"]


async def test_who_says_goodbye_while_disconnected_is_gone() -> None:
    async with server(Door(begins_and_breaks)) as url, Client(url, 8_000, patience=AT_ONCE) as client:
        received: list[Any] = []
        async for message in client:
            received.append(message)
            if message == b"\x01\x00":
                await client.ping()
            if kinds(received)[-1] == "reconnecting":
                await client.bye()

    assert kinds(received)[2:] == ["reconnecting"]
