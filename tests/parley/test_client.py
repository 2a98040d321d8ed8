"""Against a real WebSocket server in this process that says what each test wants."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from parley.client import Client
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
