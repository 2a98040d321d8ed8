"""One caller's WebSocket on `/ws`: frames in, frames out, and nothing that grows without bound.

Audio from the caller may run ahead of the clock by `max_uplink_ms`, and audio for the caller may wait for `max_downlink_ms`;
past either the caller is told and let go. The overflow policy is named in the error: `audio_too_fast`, `reader_too_slow`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import numpy as np

from actors.outbox import Delivery
from actors.resampling import Resampler
from gateway.link import ShardLink
from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError
from pipeline.events import HungUp
from pipeline.notices import Failed, Held, Interrupted, Notice
from pipeline.ports import LISTENING_RATE
from pipeline.wires import native

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NORMAL, POLICY, TRY_LATER = 1000, 1008, 1013
_LAST_WORDS_S = 2.0


class Connection:
    """Moves frames between a socket and its conversation."""

    def __init__(self, caller: int, hello: native.Hello, link: ShardLink, config: Config, receive: Receive, send: Send) -> None:
        self._caller = caller
        self._link = link
        self._config = config
        self._receive = receive
        self._send = send
        self._resampler = Resampler(hello.rate, LISTENING_RATE)
        self._bytes_a_second = 2 * hello.rate
        self._received_bytes = 0
        self._began_at = time.monotonic()
        self._out: deque[str | bytes | None] = deque()
        self._out_bytes = 0
        self._most_out_bytes = 2 * hello.out_rate * config.server.max_downlink_ms // 1000
        self._stirred = asyncio.Event()
        self._close_code = NORMAL

    def take(self, delivery: Delivery) -> None:
        """Queues what the conversation has for its caller."""
        match delivery:
            case None:
                self._out.append(None)
            case bytes():
                self._out_bytes += len(delivery)
                if self._out_bytes > self._most_out_bytes:
                    self._end(ClientError("reader_too_slow", "audio is not read as fast as it is spoken"))
                    return
                self._out.append(delivery)
            case _:
                if isinstance(delivery, Interrupted | Held):
                    self._drop_audio()
                self._out.append(native.write(delivery))
        self._stirred.set()

    def tell(self, notice: Notice) -> None:
        self.take(notice)

    async def run(self) -> None:
        """Lasts as long as the conversation."""
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait([writer, reader], return_when=asyncio.FIRST_COMPLETED)
            if not writer.done():
                # The caller is gone or broke the rules: what is still to be said gets a moment.
                self._out.append(None)
                self._stirred.set()
                await asyncio.wait([writer], timeout=_LAST_WORDS_S)
        finally:
            writer.cancel()
            reader.cancel()
            self._link.event(self._caller, HungUp())
            self._link.forget(self._caller)
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                audio = message.get("bytes")
                if audio is not None:
                    self._hear(audio)
                elif not self._obey(message["text"]):
                    return
            except ClientError as error:
                self.tell(Failed(error.code, error.message, error.fault))
            if self._close_code != NORMAL:
                return

    def _hear(self, message: bytes) -> None:
        self._check_size(len(message))
        pcm = native.read_audio(message)
        if not pcm:
            return
        self._received_bytes += len(pcm)
        ahead_s = self._received_bytes / self._bytes_a_second - (time.monotonic() - self._began_at)
        if ahead_s * 1000 > self._config.server.max_uplink_ms:
            self._end(ClientError("audio_too_fast", "audio must be sent as fast as it is spoken, not faster"))
            return
        if ahead_s < 0:
            # A pause is no credit for a burst later on.
            self._began_at -= ahead_s
        self._link.audio(self._caller, self._resampled(pcm))

    def _resampled(self, pcm: bytes) -> bytes:
        if self._bytes_a_second == 2 * LISTENING_RATE:
            return pcm
        return self._resampler.push(np.frombuffer(pcm, np.int16)).tobytes()

    def _obey(self, message: str) -> bool:
        """Whether the conversation goes on."""
        self._check_size(len(message))
        received = native.read_text(message, self._config)
        if isinstance(received, native.Ping):
            self._out.append(native.PONG)
            self._stirred.set()
            return True
        if isinstance(received, HungUp):
            return False
        self._link.event(self._caller, received)
        return True

    def _check_size(self, size: int) -> None:
        most = self._config.server.max_message_bytes
        if size > most:
            raise ClientError("message_too_big", f"a message has at most {most} bytes; this one has {size}")

    def _drop_audio(self) -> None:
        self._out = deque(item for item in self._out if not isinstance(item, bytes))
        self._out_bytes = 0

    def _end(self, error: ParleyError) -> None:
        """Tells why, ahead of everything that waits, and closes."""
        self._out.clear()
        self._out.append(native.write(Failed(error.code, error.message, error.fault)))
        self._out.append(None)
        self._close_code = POLICY
        self._stirred.set()

    async def _write(self) -> None:
        while True:
            while self._out:
                item = self._out.popleft()
                if item is None:
                    await self._send({"type": "websocket.close", "code": self._close_code})
                    return
                if isinstance(item, bytes):
                    await self._send({"type": "websocket.send", "bytes": item})
                    self._out_bytes -= len(item)
                else:
                    await self._send({"type": "websocket.send", "text": item})
            self._stirred.clear()
            await self._stirred.wait()


async def refuse(error: ParleyError, receive: Receive, send: Send, code: int = POLICY) -> None:
    """Takes the connection, so that the client can read why, and closes it."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": native.write(Failed(error.code, error.message, error.fault))})
    await send({"type": "websocket.close", "code": code, "reason": error.code})
