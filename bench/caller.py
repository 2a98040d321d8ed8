"""A caller that costs next to nothing: one WebSocket, ready-made frames out, and only what must be known read coming in.

Times are those of the machine's steady clock: an event loop's own may stand still, and uvloop's counts whole milliseconds.
"""

import asyncio
import base64
import json
import os
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from bench import frames
from bench.wires import Heard, Wire

OPEN_S = 10.0
"""Longest wait for a conversation to open."""


@dataclass(slots=True)
class Answer:
    """What came back to one turn."""

    asked_at: float
    """When the last sound of the question was sent."""
    sounded_at: list[float] = field(default_factory=lambda: [])
    """When each reply's first sound came; one, if all is well."""
    audio_bytes: int = 0
    latency: dict[str, int] = field(default_factory=lambda: {})


class Refused(ConnectionError):
    """The server has no room now, and says when to try again."""

    def __init__(self, code: str, retry_after_s: float) -> None:
        super().__init__(code, retry_after_s)
        self.retry_after_s = retry_after_s


class Caller(asyncio.Protocol):
    """Reads frames as they come; counts audio, and understands the few messages that matter."""

    def __init__(self, host: str, wire: Wire) -> None:
        self._host, self._wire = host, wire
        self._greeted = False
        self._buffer = bytearray()
        self._upgraded = False
        self._awaits_sound = False
        self.transport: asyncio.Transport | None = None
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pong = asyncio.Event()
        """Set when a ping was answered."""
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self._retry_after_s: float | None = None
        self.cut = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self.transport = stream = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        stream.write(
            f"GET {self._wire.path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(exc)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
            del self._buffer[: end + 4]
            self._upgraded = True
            if b" 101 " not in status:
                self._over(ConnectionError(status.decode()))
                return
        if not self.cut:
            self._read_frames()

    def send(self, message: bytes) -> None:
        if self.transport is not None and not self.cut:
            self.transport.write(message)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def ask(self) -> None:
        self.answers.append(Answer(time.monotonic()))

    def _over(self, why: Exception | None = None) -> None:
        self.cut = True
        if self.open.done():
            return
        if self._retry_after_s is not None:
            self.open.set_exception(Refused(self.errors[-1], self._retry_after_s))
            return
        said = f": {self.errors[-1]}" if self.errors else ""
        self.open.set_exception(why or ConnectionError(f"closed before it was open{said}"))

    def _read_frames(self) -> None:
        at = 0
        while (place := frames.find(self._buffer, at)) is not None:
            self._frame(place)
            at = place.end
        del self._buffer[:at]

    def _frame(self, place: frames.Place) -> None:
        match place.opcode:
            case frames.BINARY:
                self._sound(place.end - place.start)
            case frames.TEXT:
                self._message(self._wire.read(json.loads(self._buffer[place.start : place.end])))
            case frames.PING:
                self.send(frames.frame(frames.payload(self._buffer, place), frames.PONG))
            case frames.CLOSE:
                self._over()
            case _:
                pass

    def _sound(self, size: int) -> None:
        if not self.answers:
            return
        answer = self.answers[-1]
        answer.audio_bytes += size
        if self._awaits_sound:
            self._awaits_sound = False
            answer.sounded_at.append(time.monotonic())

    def _message(self, heard: Heard) -> None:
        if not self._greeted:
            self._greeted = True
            if self._wire.first:
                self.send(frames.frame(self._wire.first, frames.TEXT))
        if heard.opened and not self.open.done():
            self.open.set_result(None)
        if heard.pong:
            self.pong.set()
        if heard.reply_began:
            self._awaits_sound = True
        if heard.audio_bytes:
            self._sound(heard.audio_bytes)
        if heard.latency is not None and self.answers:
            self.answers[-1].latency = heard.latency
        if heard.error:
            self.errors.append(heard.error)
            self._retry_after_s = heard.retry_after_s

    def leave(self) -> None:
        if self._wire.last:
            self.send(frames.frame(self._wire.last, frames.TEXT))


async def connect(url: str, wire: Wire) -> tuple[Caller, float]:
    """A conversation that is open, and the milliseconds which that took; `OSError` when it did not open, such as `Refused`."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    begun = time.monotonic()
    transport: asyncio.BaseTransport | None = None
    try:
        async with asyncio.timeout(OPEN_S):
            made = await asyncio.get_running_loop().create_connection(lambda: Caller(f"{host}:{port}", wire), host, port)
            transport, caller = made
            await caller.open
    except (OSError, TimeoutError) as error:
        if transport is not None:
            transport.close()
        if isinstance(error, Refused):
            raise
        raise ConnectionError(f"no conversation opened: {error}") from error
    return caller, 1000 * (time.monotonic() - begun)
