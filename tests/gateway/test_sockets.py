"""Sockets of a real web server, with a real client at the other end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway import sockets


class Echo:
    """Sends back what it gets, over sockets of ours, until it hears `bye`."""

    def __init__(self) -> None:
        self.warned: asyncio.Queue[None] = asyncio.Queue()
        self.waits = False
        """Whether a connection is taken, but no message yet."""
        self.may_go_on = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        if self.waits:
            await self.may_go_on.wait()
        ours, over = sockets.of(scope), asyncio.Event()
        assert ours is not None

        def offer(message: str | bytes) -> None:
            if message == "bye":
                over.set()
                return
            sending = asyncio.create_task(ours.write(message))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

        ours.attach(offer, lambda: self.warned.put_nowait(None))
        await over.wait()
        await send({"type": "websocket.close", "code": 1000})


class Door:
    """A web server, and the way to it."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        options = uvicorn.Config(echo, lifespan="off", ws=sockets.Socket, log_config=None)
        self.server = uvicorn.Server(options)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.serving = asyncio.create_task(self.server.serve([self._listening]))

    async def connect(self) -> ClientConnection:
        return await connect(f"ws://127.0.0.1:{self.port}/", proxy=None)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door(Echo())
    yield door
    door.server.should_exit = door.server.force_exit = True
    with suppress(asyncio.CancelledError):
        await door.serving


async def test_messages_both_ways(door: Door) -> None:
    async with await door.connect() as client:
        await client.send("hello")
        await client.send(b"\x01\x00")
        assert [await client.recv(), await client.recv()] == ["hello", b"\x01\x00"]


async def test_a_connection_outlasts_the_servers_shutdown(door: Door) -> None:
    async with await door.connect() as client:
        await client.send("before")
        assert await client.recv() == "before"
        door.server.should_exit = True
        await asyncio.wait_for(door.echo.warned.get(), 5)
        with pytest.raises(ConnectionRefusedError):
            await door.connect()
        await client.send("after")
        assert await client.recv() == "after"
        assert not door.serving.done()
        await client.send("bye")
        with pytest.raises(ConnectionClosed):
            await client.recv()
    await asyncio.wait_for(door.serving, 5)


async def test_who_was_let_in_during_the_shutdown_hears_of_it_too(door: Door) -> None:
    async with await door.connect() as inside:
        await inside.send("hello")
        assert await inside.recv() == "hello"
        door.echo.waits = True
        async with await door.connect() as client:
            door.server.should_exit = True
            await asyncio.wait_for(door.echo.warned.get(), 5)
            assert door.echo.warned.empty()
            door.echo.may_go_on.set()
            await asyncio.wait_for(door.echo.warned.get(), 5)
            await client.send("hello")
            assert await client.recv() == "hello"
