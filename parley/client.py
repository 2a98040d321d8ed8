"""A small client of the `/ws` wire: audio and messages both ways, no resampling and no decisions.

What the server says comes as it is: a `dict` with a `type`, or `bytes` of PCM16 audio at `out_rate`. Times here are those of
the machine's steady clock.

A connection that breaks is made again, and the conversation goes on. Among the messages there are then some of our own:
`reconnecting` (`tried`, `tries`, `reason`) before every try, `reconnected`, and `lost` (`reason`) before the error that ends
it. Of the audio that is sent meanwhile a few seconds are kept. After `reconnected` comes the server's `session`, and whoever
plays does with it as docs/wire.md says.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from parley import keys
from pipeline.errors import ClientError, ParleyError, ServerError
from pipeline.ports import Samples

FRAME_MS = 20
Received = dict[str, Any] | bytes
_KEY_REFUSED = {
    "key_missing": "this server needs a key; put yours into the environment, as PARLEY_KEY",
    "key_invalid": "this server does not accept the key in PARLEY_KEY",
}
_NORMAL, _POLICY, _RESTART = 1000, 1008, 1012
_MAY_CHANGE = ("rate_limit_exceeded",)
"""Why one is sent away for a moment: the place that the lost connection had is not free yet."""
_OPEN_S = 3.0
_KEPT_S = 4.0
"""Audio that waits for a connection; the server takes 5 s ahead of the clock."""
_KEPT_MESSAGES = 16


@dataclass(frozen=True, slots=True)
class Patience:
    """When a connection counts as broken, and what is done about it."""

    again_s: float = 1.0
    """Seconds before every try to connect again, but for the first one when the server sends us to another gateway."""
    tries: int = 5
    heartbeat_s: float = 30.0
    """Seconds between two signs of life that are asked for."""
    pong_s: float = 10.0
    """Seconds in which one must come."""


class Client:
    """One conversation; use it as `async with Client(url, rate) as client`, and read it, which is what keeps it connected."""

    def __init__(
        self,
        url: str,
        rate: int,
        out_rate: int = 24_000,
        lang: str = "",
        flow: str = "",
        key: str = "",
        patience: Patience = Patience(),
    ) -> None:
        """`key` is for servers that need one."""
        self._key = key
        self.rate = rate
        self.out_rate = out_rate
        self._patience = patience
        self._query = {"rate": rate, "out_rate": out_rate, "lang": lang, "flow": flow}
        self._url = url
        _socket_url(url, self._query)
        self._entered = False
        self._socket: ClientConnection | None = None
        """None while there is no connection."""
        self._resume = ""
        """What the conversation is known by."""
        self._leaving = False
        self._kept = _Kept(round(2 * rate * _KEPT_S))
        self._pong = asyncio.Event()
        self._heart: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def __aenter__(self) -> Self:
        self._entered = True
        self._socket = await self._connect()
        self._heart = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._heart is not None:
            self._heart.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def __aiter__(self) -> AsyncGenerator[Received, None]:
        """Everything from the server until either side ends it; an end that the server did not announce is an error."""
        while True:
            if not self._entered:
                raise _outside()
            problem = None
            if self._socket is not None:
                socket = self._socket
                try:
                    while True:
                        yield self._note(await socket.recv())
                except ConnectionClosed as closed:
                    problem = closed
            if self._leaving or (problem is not None and problem.rcvd is not None and problem.rcvd.code == _NORMAL):
                return
            reason = "without a word" if problem is None else _reason(problem)
            if problem is not None and not self._may_return(problem):
                raise _refusal(problem) or ServerError("disconnected", f"the server ended the connection ({reason})")
            self._socket = None
            ready = problem is not None and problem.rcvd is not None and problem.rcvd.code == _RESTART
            async for message in self._return(reason, ready):
                yield message
            if self._leaving:
                return

    # A connection is made, and made again

    async def _connect(self) -> ClientConnection:
        url = _socket_url(self._url, {**self._query, "resume": self._resume})
        try:
            # Audio does not shrink, so compression would only cost time; a proxy has no business on the way; and signs of
            # life are asked for in the wire's own words, so that they come from whoever holds the conversation.
            return await open_socket(
                url,
                additional_headers=keys.header(self._key),
                compression=None,
                proxy=None,
                max_size=None,
                open_timeout=_OPEN_S if self._resume else 10,
                ping_interval=None,
            )
        except InvalidStatus as error:
            raise ServerError("refused", f"{self._url} answered {error.response.status_code}") from None
        except (OSError, TimeoutError, EOFError, WebSocketException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServerError("unreachable", f"cannot reach {self._url}: {reason}; does a server run there?") from None

    def _may_return(self, closed: ConnectionClosed) -> bool:
        """Whether the connection just broke, and there is a conversation to come back to."""
        return bool(self._resume) and (closed.rcvd is None or closed.rcvd.code != _POLICY)

    async def _return(self, reason: str, ready: bool) -> AsyncGenerator[Received, None]:
        """Tries to come back, at once where others are ready; ends when that worked, or nobody wants it any more."""
        for tried in range(1, self._patience.tries + 1):
            yield {"type": "reconnecting", "tried": tried, "tries": self._patience.tries, "reason": reason}
            if tried > 1 or not ready:
                await asyncio.sleep(self._patience.again_s)
            if self._leaving:
                return
            try:
                session, socket = await self._resumed()
            except ServerError as error:
                reason = error.message
                continue
            except ClientError as error:
                yield {"type": "lost", "reason": error.message}
                raise
            if session is not None:
                await self._send_kept(socket)
                yield {"type": "reconnected"}
                yield session
                return
        yield {"type": "lost", "reason": reason}
        raise ServerError("disconnected", f"the connection broke, and could not be made again ({reason})")

    async def _resumed(self) -> tuple[dict[str, Any] | None, ClientConnection]:
        """A server's word that it has the conversation; a `ServerError` means that it may have it later."""
        socket = await self._connect()
        try:
            async with asyncio.timeout(_OPEN_S):
                first = json.loads(await socket.recv())
        except (ConnectionClosed, TimeoutError, ValueError) as error:
            await socket.close()
            reason = _reason(error) if isinstance(error, ConnectionClosed) else "no answer"
            raise ServerError("disconnected", reason) from None
        if first["type"] == "session":
            self._note_message(first)
            return first, socket
        await socket.close()
        error = ServerError if first.get("fault") != "client" or first["code"] in _MAY_CHANGE else ClientError
        raise error(first["code"], _KEY_REFUSED.get(first["code"]) or str(first["message"]))

    async def _send_kept(self, socket: ClientConnection) -> None:
        """What waited goes first; what is sent meanwhile waits behind it."""
        with suppress(ConnectionClosed):
            while (message := self._kept.take()) is not None:
                await socket.send(message)
        self._socket = socket

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._patience.heartbeat_s)
            socket = self._socket
            if socket is None:
                continue
            self._pong.clear()
            await self.ping()
            try:
                async with asyncio.timeout(self._patience.pong_s):
                    await self._pong.wait()
            except TimeoutError:
                # The other end would have to agree to a closing, and does not answer.
                socket.transport.abort()

    # Messages

    def _note(self, received: str | bytes) -> Received:
        if isinstance(received, bytes):
            return received
        message: dict[str, Any] = json.loads(received)
        self._note_message(message)
        return message

    def _note_message(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session":
                self._resume = message.get("resume", "")
            case "pong":
                self._pong.set()
            case _:
                pass

    async def send_audio(self, samples: Samples) -> None:
        await self._send(samples.astype("<i2").tobytes())

    async def send_text(self, text: str) -> None:
        await self._tell("text", text=text)

    async def interrupt(self) -> None:
        await self._tell("interrupt")

    async def report_played(self, ms: int) -> None:
        if self._socket is not None or not self._entered:
            await self._tell("played", ms=ms)

    async def ping(self) -> None:
        await self._tell("ping")

    async def bye(self) -> None:
        self._leaving = True
        await self._tell("bye")

    async def speak(self, samples: Samples) -> None:
        """Send samples at the pace at which they were spoken, a frame of 20 ms at a time."""
        size = self.rate * FRAME_MS // 1000
        for start in range(0, len(samples), size):
            frame = samples[start : start + size]
            # Paced by the count of samples, so that late timers do not add up; a pause is not made up for.
            self._next_at = max(self._next_at, time.monotonic() - FRAME_MS / 1000) + len(frame) / self.rate
            await self.send_audio(frame)
            await asyncio.sleep(self._next_at - time.monotonic())

    async def _tell(self, kind: str, **fields: Any) -> None:
        await self._send(json.dumps({"type": kind, **fields}))

    async def _send(self, message: str | bytes) -> None:
        if not self._entered:
            raise _outside()
        socket = self._socket
        if socket is None:
            self._kept.put(message)
            return
        try:
            await socket.send(message)
        except ConnectionClosed:
            # The reading side hears of it too, and knows what to do.
            self._kept.put(message)


class _Kept:
    """What is said while nobody can hear it; when it is too much, the quietest audio goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: list[tuple[int, str | bytes]] = []
        """Messages, and how loud they are."""
        self._bytes = 0

    def put(self, message: str | bytes) -> None:
        if isinstance(message, str):
            if sum(isinstance(one, str) for _, one in self._waiting) < _KEPT_MESSAGES:
                self._waiting.append((0, message))
            return
        samples = np.frombuffer(message, "<i2").astype(np.int32)
        self._waiting.append((int(np.abs(samples).max(initial=0)), message))
        self._bytes += len(message)
        while self._bytes > self._most:
            quietest = min((entry for entry in self._waiting if isinstance(entry[1], bytes)), key=lambda entry: entry[0])
            self._waiting.remove(quietest)
            self._bytes -= len(quietest[1])

    def take(self) -> str | bytes | None:
        if not self._waiting:
            return None
        _, message = self._waiting.pop(0)
        self._bytes -= len(message) if isinstance(message, bytes) else 0
        return message


def _outside() -> ClientError:
    return ClientError("not_connected", "the client is used outside of its `async with`")


def _reason(closed: ConnectionClosed) -> str:
    return f"{closed.rcvd.code} {closed.rcvd.reason}".strip() if closed.rcvd is not None else "without a word"


def _refusal(closed: ConnectionClosed) -> ParleyError | None:
    reason = "" if closed.rcvd is None else closed.rcvd.reason
    return ClientError(reason, _KEY_REFUSED[reason]) if reason in _KEY_REFUSED else None


def _socket_url(url: str, query: dict[str, Any]) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ClientError("url_invalid", f"{url} is not the address of a server, such as http://127.0.0.1:8000")
    path = parts.path.rstrip("/").removesuffix("/ws")
    return f"{scheme}://{parts.netloc}{path}/ws?{urlencode({key: value for key, value in query.items() if value})}"
