"""One caller's WebSocket, whatever its wire: frames in, frames out, and nothing that grows without bound.

What a client may do is in its wire's terms. Audio may come ahead of the clock for a while; past that the client is let go
(`audio_too_fast`), or its socket is read more slowly. Audio and messages for the client may wait for a while too; past that it
is told and let go (`reader_too_slow`). What waits is put into the wire's words when it leaves, and not before: audio that an
interruption throws away is never counted as sent.

Every message of the client is handled in one go, but for long audio, which is taken in pieces so that other callers get their
turn in between.
"""

import asyncio
import logging
import random
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from actors.outbox import ForClient
from actors.resampling import Resampler
from gateway.calls import Call
from gateway.counting import refused
from gateway.sockets import Socket
from pipeline.errors import ClientError, ParleyError
from pipeline.events import Cleared, Committed, FromCaller, HungUp, ItemGiven
from pipeline.notices import AsideSpoken, Held, Interrupted, Notice
from pipeline.ports import LISTENING_RATE, Samples
from pipeline.wires.wire import Taken, Wire

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NORMAL, GOING_AWAY, POLICY, RESTART, TRY_LATER = 1000, 1001, 1008, 1012, 1013
_LAST_WORDS_S = 2.0
_MOST_WAITING = 4_096
"""Messages, audio or not, that may wait for a slow reader."""
_CATCHING_UP = 8
"""How many times as fast as it is spoken audio is read from a patient client that is too far ahead."""
_SPREAD_S = 3.0
"""Over so many seconds the clients of a replica that goes are sent away, as another one must take them all in."""
_PIECE_BYTES = 96_000
"""Audio that is taken without a pause: about a millisecond's work."""


class Close(NamedTuple):
    """How a socket is closed."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the client of a wire may do."""

    message_bytes: int
    """Length of a message at most; a longer one is refused."""
    ahead_ms: int
    """Milliseconds of audio that may come ahead of the clock."""
    patient: bool
    """Whether audio that comes faster is read slowly; otherwise it ends the conversation."""
    waiting_bytes: int
    """Reply audio that may wait for a slow reader."""
    closing: Callable[[ParleyError], Close]
    """How the socket is closed because of an error."""
    lasts_s: float | None = None
    """Seconds after which the conversation is ended; None for never."""
    moves_after_s: float | None = None
    """Seconds after which a client of a replica that goes is sent to another one; None for one that could not go on there."""


class Connection:
    """Moves frames between a socket and its conversation."""

    def __init__(self, call: Call, wire: Wire, terms: Terms, receive: Receive, send: Send) -> None:
        self._call = call
        self._wire = wire
        self._terms = terms
        self._receive = receive
        self._send = send
        self._line = _Line(wire.in_rate)
        self._sent_samples = 0
        self._heard_s = 0.0
        self._began_at = time.monotonic()
        self._out: deque[Notice | bytes | str | None] = deque()
        """Strings are in the wire's words already."""
        self._out_bytes = 0
        """Audio in it."""
        self._stirred = asyncio.Event()
        self._close = Close(NORMAL)
        self._ending = self._over = False
        self._socket: Socket | None = None
        self._moving: asyncio.TimerHandle | None = None
        self._later: deque[str | bytes | list[Taken | float]] = deque()
        """Messages that wait, behind the rest of one that takes long."""
        self._late, self._caught_up = asyncio.Event(), asyncio.Event()
        self._caught_up.set()

    def take(self, delivery: ForClient) -> None:
        """Queues what the conversation has for its caller."""
        match delivery:
            case bytes():
                self._out_bytes += len(delivery)
            case AsideSpoken(pcm=pcm):
                self._out_bytes += len(pcm)
            case Interrupted() | Held():
                self._drop_audio()
            case None:
                self._over = True
            case _:
                pass
        self._queue(delivery)

    def tell(self, notice: Notice) -> None:
        self.take(notice)

    @property
    def over(self) -> bool:
        """Whether the conversation is over, and not just this connection."""
        return self._over

    async def run(self, socket: Socket | None = None) -> None:
        """Lasts as long as the connection, unless the server gives it up as soon as the client is gone.

        With a socket of ours messages come and go by it, and the ASGI way tells only that it was closed.
        """
        self._socket = socket
        lasting = [asyncio.create_task(task) for task in (self._write(), self._receive_all(), self._take_later())]
        writer = lasting[0]
        if socket is not None:
            socket.attach(self.offer, self.move_later)
        try:
            ended, _ = await asyncio.wait(lasting, timeout=self._terms.lasts_s, return_when=asyncio.FIRST_COMPLETED)
            if not ended:
                self._end(ClientError("session_expired", "the session has lasted as long as one may; begin a new one"))
            if not writer.done():
                # The caller is gone, broke the rules or has had its time: what is still to be said gets a moment.
                self._out.append(None)
                self._stirred.set()
                await asyncio.wait([writer], timeout=_LAST_WORDS_S)
        finally:
            if self._moving is not None:
                self._moving.cancel()
            for task in lasting:
                task.cancel()
            for end in await asyncio.gather(*lasting, return_exceptions=True):
                self._note(end)

    def move_later(self) -> None:
        """The replica is to go: the client is asked in time to come back to the conversation elsewhere, if it can."""
        if self._terms.moves_after_s is not None:
            wait_s = self._terms.moves_after_s + random.uniform(0, _SPREAD_S)
            self._moving = asyncio.get_running_loop().call_later(wait_s, self._move)

    def _move(self) -> None:
        if not self._ending:
            self._close = Close(RESTART, "service_restart")
            self._out.append(None)
            self._stirred.set()

    # From the caller

    async def _receive_all(self) -> None:
        while not self._ending:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                # Who closes in the usual way has left; a connection that broke says nothing, or something else.
                self._over = self._over or message.get("code") == NORMAL
                return
            audio = message.get("bytes")
            self.offer(message["text"] if audio is None else audio)
            await self._caught_up.wait()

    def offer(self, received: str | bytes) -> None:
        """Takes a message of the client. What takes long is taken by and by, and what follows waits for it."""
        if self._ending or self._over:
            return
        if self._later:
            self._later.append(received)
            return
        rest = self._take_now(self._taken(received))
        if rest:
            self._later.append(rest)
            self._caught_up.clear()
            self._late.set()
            if self._socket is not None:
                self._socket.pause(True)

    def _taken(self, received: str | bytes) -> Sequence[Taken]:
        if len(received) <= self._terms.message_bytes:
            return self._wire.read(received)
        self._queue(self._wire.refuse(_too_big(self._terms.message_bytes, len(received))))
        return ()

    def _take_now(self, taken: Sequence[Taken | float]) -> list[Taken | float]:
        """Takes what can be taken at once, and gives the rest; a number is so many seconds of rest."""
        for index, one in enumerate(taken):
            match one:
                case bytes():
                    if len(one) > _PIECE_BYTES:
                        return list(taken[index:])
                    wait_s = self._hear(one)
                    if wait_s:
                        return [wait_s, *taken[index + 1 :]]
                case str():
                    self._queue(one)
                case HungUp():
                    self._over = True
                    self._late.set()
                    return []
                case float() | int():
                    return list(taken[index:])
                case ItemGiven() if one.pcm:
                    return list(taken[index:])
                case _:
                    self._call.event(self._placed(one))
        return []

    async def _take_later(self) -> None:
        """Ends when the client says goodbye."""
        while True:
            await self._late.wait()
            self._late.clear()
            while self._later:
                item = self._later[0]
                rest = self._take_now(self._taken(item)) if isinstance(item, str | bytes) else item
                while rest:
                    await self._take_slowly(rest[0])
                    rest = self._take_now(rest[1:])
                self._later.popleft()
            if self._over:
                return
            self._caught_up.set()
            if self._socket is not None:
                self._socket.pause(False)

    async def _take_slowly(self, one: Taken | float) -> None:
        match one:
            case float():
                await asyncio.sleep(one)
            case bytes():
                await self._hear_long(one)
            case ItemGiven():
                self._call.event(replace(one, pcm=await self._resampled(one.pcm)))
            case _:
                raise AssertionError(f"{type(one).__name__} is taken at once")

    async def _hear_long(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), _PIECE_BYTES):
            await asyncio.sleep(self._hear(pcm[start : start + _PIECE_BYTES]))

    async def _resampled(self, pcm: bytes) -> bytes:
        line = _Line(self._wire.in_rate)
        pieces: list[bytes] = []
        for start in range(0, len(pcm), _PIECE_BYTES):
            pieces.append(line.push(pcm[start : start + _PIECE_BYTES]))
            await asyncio.sleep(0)
        return b"".join([*pieces, line.flush()])

    def _hear(self, pcm: bytes) -> float:
        """Takes audio; returns the seconds for which the client should be read no further."""
        rate = self._wire.in_rate
        if rate != self._line.rate:
            self._pass(self._line.flush())
            self._line = _Line(rate)
        wait_s = 0.0
        self._heard_s += len(pcm) / (2 * rate)
        ahead_s = self._heard_s - (time.monotonic() - self._began_at)
        if ahead_s < 0:
            # A pause is no credit for a burst later on.
            self._began_at -= ahead_s
        elif 1000 * ahead_s > self._terms.ahead_ms:
            if not self._terms.patient:
                self._end(ClientError("audio_too_fast", "audio must be sent as fast as it is spoken, not faster"))
                return 0.0
            excess_s = ahead_s - self._terms.ahead_ms / 1000
            wait_s = excess_s / _CATCHING_UP
            self._began_at -= excess_s - wait_s
        self._pass(self._line.push(pcm))
        return wait_s

    def _pass(self, pcm: bytes) -> None:
        if pcm:
            self._sent_samples += len(pcm) // 2
            self._call.audio(pcm)

    def _placed(self, event: FromCaller) -> FromCaller:
        """An event with what only the connection knows: its place in the audio."""
        if not isinstance(event, Committed | Cleared):
            return event
        self._pass(self._line.flush())
        return replace(event, at=self._sent_samples)

    # To the caller

    def _queue(self, item: Notice | bytes | str | None) -> None:
        if self._ending:
            return
        if self._out_bytes > self._terms.waiting_bytes or len(self._out) >= _MOST_WAITING:
            self._end(ClientError("reader_too_slow", "what is sent is not read as fast as it is spoken"))
            return
        self._out.append(item)
        self._stirred.set()

    def _drop_audio(self) -> None:
        """Replies outside of the conversation go on."""
        self._out = deque(item for item in self._out if not isinstance(item, bytes))
        self._out_bytes = sum(len(item.pcm) for item in self._out if isinstance(item, AsideSpoken))

    def _end(self, error: ParleyError) -> None:
        """Tells why, ahead of everything that waits, and closes; the first reason counts."""
        if self._ending:
            return
        refused(error)
        self._out.clear()
        self._out.append(self._wire.refuse(error))
        self._out.append(None)
        self._close = self._terms.closing(error)
        self._ending = self._over = True
        self._stirred.set()

    async def _write(self) -> None:
        while True:
            while self._out:
                item = self._out.popleft()
                if item is None:
                    await self._send({"type": "websocket.close", "code": self._close.code, "reason": self._close.reason})
                    return
                match item:
                    case bytes():
                        self._out_bytes -= len(item)
                    case str():
                        await self._send_frame(item)
                        continue
                    case AsideSpoken(pcm=pcm):
                        self._out_bytes -= len(pcm)
                    case _:
                        pass
                for frame in self._wire.write(item):
                    await self._send_frame(frame)
            self._stirred.clear()
            await self._stirred.wait()

    async def _send_frame(self, frame: str | bytes) -> None:
        if self._socket is not None:
            await self._socket.write(frame)
            return
        kind = "bytes" if isinstance(frame, bytes) else "text"
        await self._send({"type": "websocket.send", kind: frame})

    def _note(self, end: BaseException | None) -> None:
        """A mistake of ours leaves a trace, without its text, which may hold what somebody said."""
        # OSError: the client left while something was sent.
        if isinstance(end, Exception) and not isinstance(end, OSError):
            trace = "".join(traceback.format_tb(end.__traceback__))
            log.error("connection %x broke (%s)\n%s", self._call.id, type(end).__name__, trace)


class _Line:
    """The caller's audio on its way to the rate that is listened to."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resampler = Resampler(rate, LISTENING_RATE)
        self._begun = False

    def push(self, pcm: bytes) -> bytes:
        if self.rate == LISTENING_RATE:
            return pcm
        self._begun = True
        return self._resampler.push(np.frombuffer(pcm, np.int16)).tobytes()

    def flush(self) -> bytes:
        """The rest of what was pushed, which the filter keeps back; what comes next begins anew."""
        if not self._begun:
            return b""
        rest = self._resampler.push(_NOTHING, last=True).tobytes()
        self._resampler = Resampler(self.rate, LISTENING_RATE)
        self._begun = False
        return rest


_NOTHING: Samples = np.zeros(0, np.int16)


def _too_big(most: int, size: int) -> ClientError:
    return ClientError("message_too_big", f"a message has at most {most} bytes; this one has {size}")


def policy(error: ParleyError) -> Close:
    """Who breaks a rule of the server is told its name."""
    return Close(POLICY, error.code)


async def refuse(words: str, close: Close, receive: Receive, send: Send) -> None:
    """Takes the connection, so that the client can read why not, and closes it."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": words})
    await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
