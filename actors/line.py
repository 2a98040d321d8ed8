"""A line between two processes: messages both ways over one socket, in order.

Ray places actors, starts them again, and carries what is rare. What is said fifty times a second goes over a line: a Ray call
takes about a millisecond of CPU at each end, a message here a few hundredths of one. Messages are pickled, so nobody is heard
before he has shown the line's secret, which only Ray hands out. A line that falls silent is taken for dead.
"""

import asyncio
import hmac
import logging
import pickle
import secrets
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import ray

log = logging.getLogger(__name__)

_HEAD = 4
_MOST_BYTES = 64 * 1024 * 1024
_MOST_WAITING = 32 * 1024 * 1024
"""Bytes that may wait for the other end; it is dead, or as good as dead, past that."""
_SIGN_S = 0.5
"""How often a sign of life is given."""
_PATIENCE_S = 2.0
"""Silence after which the other end is taken for dead."""


class Address(NamedTuple):
    host: str
    port: int
    secret: bytes


Take = Callable[["Line", Any], None]
Lost = Callable[["Line"], None]


class Line(asyncio.Protocol):
    """One end. `take` gets every message, `lost` is called once when there will be no more."""

    def __init__(self, take: Take, lost: Lost, *, shows: bytes | None = None, expects: bytes | None = None) -> None:
        """Whoever calls shows a secret, and whoever is called expects it."""
        self._take = take
        self._lost = lost
        self._shows = shows
        self._expected = expects
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._heard = True
        self._watch: asyncio.TimerHandle | None = None
        self._misses = 0
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = stream = cast(asyncio.Transport, transport)
        sock: Any = stream.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open = True
        if self._shows is not None:
            stream.write(len(self._shows).to_bytes(_HEAD, "big") + self._shows)
        self._give_sign()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open:
            return
        self.open = False
        if self._watch is not None:
            self._watch.cancel()
        self._lost(self)

    def send(self, message: Any) -> None:
        if self._transport is None or not self.open:
            return
        payload = pickle.dumps(message, protocol=5)
        self._transport.write(len(payload).to_bytes(_HEAD, "big") + payload)
        if self._transport.get_write_buffer_size() > _MOST_WAITING:
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _HEAD:
            size = int.from_bytes(buffer[at : at + _HEAD], "big")
            if size > _MOST_BYTES or (self._expected is not None and size > 256):
                self.close()
                return
            if len(buffer) - at - _HEAD < size:
                break
            start = at + _HEAD
            at = start + size
            if not self._message(bytes(buffer[start:at])):
                return
        del buffer[:at]

    def _message(self, payload: bytes) -> bool:
        if self._expected is not None:
            if not hmac.compare_digest(self._expected, payload):
                log.warning("somebody without the secret tried to speak on a line")
                self.close()
                return False
            self._expected = None
        elif payload:
            try:
                self._take(self, pickle.loads(payload))
            except Exception:
                # A mistake with one message must not cost all that share the line.
                log.exception("a message could not be taken")
        return self.open

    def _give_sign(self) -> None:
        """A sign of life now and then, and a look at whether the other end still gives any."""
        assert self._transport is not None
        self._misses = 0 if self._heard else self._misses + 1
        self._heard = False
        if self._misses * _SIGN_S >= _PATIENCE_S:
            self.close()
            return
        self._transport.write(bytes(_HEAD))
        self._watch = asyncio.get_running_loop().call_later(_SIGN_S, self._give_sign)


async def dial(address: Address, take: Take, lost: Lost) -> Line:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(take, lost, shows=address.secret), address.host, address.port)
    return line


class Switchboard:
    """Where an actor is called."""

    def __init__(self, take: Take, lost: Lost) -> None:
        self._take = take
        self._lost = lost
        self._secret = secrets.token_bytes(32)
        self._server: asyncio.Server | None = None

    async def address(self) -> Address:
        host = ray.util.get_node_ip_address() if ray.is_initialized() else "127.0.0.1"
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Line(self._take, self._lost, expects=self._secret), host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return Address(host, port, self._secret)
