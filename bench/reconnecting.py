"""A caller who survives its connection: when it breaks, it comes back to the conversation as a real client would.

It tries again after a second, five times; what its microphone takes meanwhile is kept, and sent when it is back. A caller
whose conversation is no more begins a new one, and counts that.
"""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from bench.caller import Caller, Refused
from bench.hearing import Hearing
from bench.wires import FRAME_S, WIRES, Heard, Wire

AGAIN_S = 1.0
TRIES = 5
_OPEN_S = 3.0
"""Longest wait for one try."""
_TRIES_TO_OPEN = 30
"""How often a server may have no room before the first conversation."""
_KEPT_S = 4.0
"""Audio that is kept while there is no connection; a server takes 5 s ahead of the clock."""
_WIRE = WIRES["ws"]


@dataclass(frozen=True, slots=True)
class Return:
    """A connection that broke."""

    lost_at: float
    took_s: float
    tries: int
    resumed: bool
    """Whether the conversation was still there."""


class _Socket(Caller):
    """One of its connections."""

    def __init__(self, host: str, wire: Wire, owner: "ReconnectingCaller") -> None:
        super().__init__(host, wire)
        self._owner = owner

    def _sound(self, size: int) -> None:
        self._owner.heard(self, size)

    def _over(self, why: Exception | None = None) -> None:
        super()._over(why)
        self._owner.broken(self)


class ReconnectingCaller:
    def __init__(self, url: str, again_s: float = AGAIN_S) -> None:
        """`again_s` passes before every try."""
        self._again_s = again_s
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.hearing = Hearing()
        self.errors: Counter[str] = Counter()
        self.returns: list[Return] = []
        self.gave_up = 0
        """How often five tries were not enough, or the conversation was not known any more."""
        self._token = ""
        self._socket: _Socket | None = None
        self._kept: deque[bytes] = deque(maxlen=round(_KEPT_S / FRAME_S))
        self._leaving = False
        self._coming_back: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Waits for room as long as the server asks for; `OSError` when that fails."""
        for _ in range(_TRIES_TO_OPEN - 1):
            try:
                self._socket = await self._connect()
                return
            except Refused as refused:
                await asyncio.sleep(refused.retry_after_s)
        self._socket = await self._connect()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def send(self, message: bytes) -> None:
        if self._socket is None:
            self._kept.append(message)
        else:
            self._socket.send(message)

    def leave(self) -> None:
        """Says goodbye, and takes no more part."""
        self._leaving = True
        if self._socket is not None:
            self._socket.leave()

    def close(self) -> None:
        self._leaving = True
        if self._coming_back is not None:
            self._coming_back.cancel()
        if self._socket is not None:
            self._socket.close()

    # What its connections tell

    def heard(self, socket: _Socket, size: int) -> None:
        if socket is self._socket or self._socket is None:
            self.hearing.sound(size, time.monotonic())

    def broken(self, socket: _Socket) -> None:
        if socket is not self._socket or self._leaving:
            return
        self._socket = None
        socket.close()
        self.hearing.note("connection lost", time.monotonic())
        self._coming_back = asyncio.create_task(self._come_back(time.monotonic()))

    def _read(self, message: dict[str, Any]) -> Heard:
        match message["type"]:
            case "session":
                self._token = message["resume"]
                return Heard(opened=True)
            case "error":
                self.errors[message["code"]] += 1
                self.hearing.message(message, time.monotonic())
                return Heard(error=message["code"], retry_after_s=message.get("retry_after_s"))
            case _:
                self.hearing.message(message, time.monotonic())
                return Heard()

    # Coming back

    async def _come_back(self, lost_at: float) -> None:
        tries = 0
        while True:
            await asyncio.sleep(self._again_s)
            if tries and tries % TRIES == 0:
                self._forget()
            tries += 1
            resumes = bool(self._token)
            try:
                socket = await self._connect()
            except OSError as error:
                self.hearing.note(f"try failed: {error}", time.monotonic())
                if "resume_unknown" in str(error):
                    self._forget()
                continue
            self.returns.append(Return(lost_at, time.monotonic() - lost_at, tries, resumes))
            self.hearing.note("back" if resumes else "begins anew", time.monotonic())
            while self._kept:
                socket.send(self._kept.popleft())
            self._socket = socket
            if socket.cut:
                self.broken(socket)
            return

    def _forget(self) -> None:
        """The conversation is lost: the next one begins without it."""
        if self._token:
            self.gave_up += 1
            self._token = ""
            self.hearing.begin_anew()

    async def _connect(self) -> _Socket:
        path = f"{_WIRE.path}&resume={self._token}" if self._token else _WIRE.path
        wire = replace(_WIRE, path=path, read=self._read)
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(_OPEN_S):
                transport, socket = await asyncio.get_running_loop().create_connection(
                    lambda: _Socket(f"{self._host}:{self._port}", wire, self), self._host, self._port
                )
                await socket.open
        except (OSError, TimeoutError) as error:
            if transport is not None:
                transport.close()
            if isinstance(error, Refused):
                raise
            raise ConnectionError(f"no conversation opened: {error or 'too slow'}") from error
        except BaseException:
            if transport is not None:
                transport.close()
            raise
        return socket
