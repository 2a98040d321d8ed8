"""A caller that costs next to nothing: one WebSocket, ready-made frames out, and only what must be known read coming in.

A masking key of zeros leaves the payload as it is, so a frame is made once and sent by every caller.
"""

import asyncio
import base64
import json
import os
from dataclasses import dataclass, field
from typing import cast

from bench.wires import Heard, Wire

_TEXT, _BINARY, _CLOSE, _PING = 1, 2, 8, 9


def frame(payload: bytes, opcode: int = _BINARY) -> bytes:
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65_536:
        head = bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


@dataclass(slots=True)
class Answer:
    """What came back to one turn."""

    asked_at: float
    """When the last sound of the question was due to be sent."""
    sounded_at: list[float] = field(default_factory=lambda: [])
    """When each reply's first sound came; one, if all is well."""
    audio_bytes: int = 0
    latency: dict[str, int] = field(default_factory=lambda: {})


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
        self.answers: list[Answer] = []
        self.errors: list[str] = []
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
        self.cut = True
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
            del self._buffer[: end + 4]
            self._upgraded = True
            if b" 101 " not in status and not self.open.done():
                self.open.set_exception(ConnectionError(status.decode()))
        self._read_frames()

    def send(self, message: bytes) -> None:
        if self.transport is not None and not self.cut:
            self.transport.write(message)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def ask(self, now: float) -> None:
        self.answers.append(Answer(now))

    def _read_frames(self) -> None:
        buffer = self._buffer
        at = 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if start + size > len(buffer):
                break
            self._frame(buffer[at] & 0x0F, start, size)
            at = start + size
        del buffer[:at]

    def _frame(self, opcode: int, start: int, size: int) -> None:
        if opcode == _BINARY:
            self._sound(size)
        elif opcode == _TEXT:
            self._message(self._wire.read(json.loads(self._buffer[start : start + size])))
        elif opcode == _PING:
            self.send(frame(bytes(self._buffer[start : start + size]), 10))
        elif opcode == _CLOSE:
            self.cut = True

    def _sound(self, size: int) -> None:
        if not self.answers:
            return
        answer = self.answers[-1]
        answer.audio_bytes += size
        if self._awaits_sound:
            self._awaits_sound = False
            answer.sounded_at.append(asyncio.get_running_loop().time())

    def _message(self, heard: Heard) -> None:
        if not self._greeted:
            self._greeted = True
            if self._wire.first:
                self.send(frame(self._wire.first, _TEXT))
        if heard.opened:
            self.open.set_result(None)
        if heard.reply_began:
            self._awaits_sound = True
        if heard.audio_bytes:
            self._sound(heard.audio_bytes)
        if heard.latency is not None and self.answers:
            self.answers[-1].latency = heard.latency
        if heard.error:
            self.errors.append(heard.error)

    def leave(self) -> None:
        if self._wire.last:
            self.send(frame(self._wire.last, _TEXT))
