"""A line between two processes: messages both ways over one socket, in order.

Ray places actors, starts them again, and carries what is rare. What is said fifty times a second goes over a line: a Ray call
takes about a millisecond of CPU at each end, a message here a few hundredths of one. Messages are pickled, so neither end takes
any before the other has proven that it knows the line's secret, which only Ray hands out and which never travels on the line.
An end that falls silent is taken for dead.
"""

import asyncio
import hmac
import logging
import pickle
import secrets
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import ray

log = logging.getLogger(__name__)

_HEAD = 4
_PROOF = 32
"""Bytes of a challenge, and of the proof that answers it."""
_MOST_BYTES = 1024 * 1024 * 1024
"""A message at most: a shard's conversations may all move at once, with what was said since they last rested."""
_MOST_WAITING = 32 * 1024 * 1024
"""Bytes that may wait for the other end for longer than a moment: what a thousand callers say in one second."""
_SIGN_S = 0.5
"""How often a sign of life is given, and how often one is looked for; loops of a busy machine stall for 0.3 s."""
_PATIENCE_S = 2.0
"""Silence after which the other end is taken for dead. Callers wait for as long; a wrong guess moves all of their calls."""
_SLOW_S = 5.0
"""How long too much may wait. It is more than patience, since moved conversations take a slow network a few seconds."""


class Address(NamedTuple):
    host: str
    port: int
    secret: bytes


Take = Callable[["Line", Any], None]
Lost = Callable[["Line"], None]


class Line(asyncio.Protocol):
    """One end. `take` gets every message; `lost` is called once when there will be no more, if there could have been any."""

    def __init__(self, take: Take, lost: Lost, secret: bytes, *, calls: bool) -> None:
        """`calls` tells the end that dials from the one that is called, so that neither can be shown its own proof."""
        self._take = take
        self._lost = lost
        self._secret = secret
        self._calls = calls
        self._challenge = secrets.token_bytes(_PROOF)
        self._answered = False
        """Whether the other end's challenge was."""
        self._proven = False
        """Whether the other end knows the secret."""
        self.settled = asyncio.Event()
        """Whether it is known if messages can be sent."""
        self.open = False
        """Whether messages can be sent; those that are sent otherwise are dropped."""
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._heard = True
        """Whether anything has come since somebody looked."""
        self._full = False
        """Whether too much waits for the other end."""
        self._silent_s = self._full_s = 0.0

    def send(self, message: Any) -> None:
        if self.open:
            self._write(pickle.dumps(message, protocol=5))

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_MOST_WAITING)
        self._write(self._challenge)
        self._watch = asyncio.get_running_loop().call_later(_PATIENCE_S, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._watch is not None:
            self._watch.cancel()
        self.settled.set()
        if self._proven:
            self._lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def data_received(self, data: bytes) -> None:
        self._heard = True
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _HEAD:
            start = at + _HEAD
            size = int.from_bytes(buffer[at:start], "big")
            if size > _MOST_BYTES or (not self.open and size != _PROOF):
                self.close()
                return
            if len(buffer) - start < size:
                break
            at = start + size
            self._frame(buffer[start:at])
            if self._transport is None or self._transport.is_closing():
                return
        del buffer[:at]

    # Proof, then messages

    def _frame(self, payload: bytearray) -> None:
        if not self.open:
            self._meet(payload)
        elif payload:
            try:
                self._take(self, pickle.loads(payload))
            except Exception as error:
                # A mistake with one message must not cost all that share the line. Its text may hold what somebody said.
                trace = "".join(traceback.format_tb(error.__traceback__))
                log.error("a message could not be taken (%s)\n%s", type(error).__name__, trace)

    def _meet(self, payload: bytearray) -> None:
        """The other end sends a challenge, then its answer to ours."""
        if not self._answered:
            self._answered = True
            self._write(self._prove(payload, calls=self._calls))
        elif hmac.compare_digest(self._prove(self._challenge, calls=not self._calls), payload):
            self.open = self._proven = True
            self.settled.set()
            if self._watch is not None:
                self._watch.cancel()
            self._look()
        else:
            log.warning("somebody who does not know the secret tried to speak on a line")
            self.close()

    def _prove(self, challenge: bytes | bytearray, *, calls: bool) -> bytes:
        return hmac.digest(self._secret, bytes([calls]) + challenge, "sha256")

    def _write(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(len(payload).to_bytes(_HEAD, "big") + payload)

    def _look(self) -> None:
        """A sign of life now and then, and a look at whether the other end gives any, and takes what it is sent.

        Looks are counted and not time, so that an end that stalls does not take the other one for silent.
        """
        self._silent_s = 0.0 if self._heard else self._silent_s + _SIGN_S
        self._full_s = self._full_s + _SIGN_S if self._full else 0.0
        self._heard = False
        if self._silent_s >= _PATIENCE_S or self._full_s >= _SLOW_S:
            log.warning(
                "the other end of a line %s; it is taken for dead", "is too slow" if self._full else "has fallen silent"
            )
            self.close()
            return
        self._write(b"")
        self._watch = asyncio.get_running_loop().call_later(_SIGN_S, self._look)


async def dial(address: Address, take: Take, lost: Lost) -> Line:
    """Raises OSError if nobody is there who knows the secret."""
    line = Line(take, lost, address.secret, calls=True)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.get_running_loop().create_connection(lambda: line, address.host, address.port)
            await line.settled.wait()
        if not line.open:
            raise ConnectionError("the other end of a line did not prove who it is")
    except BaseException:
        line.close()
        raise
    return line


class Switchboard:
    """Where an actor is called."""

    def __init__(self, take: Take, lost: Lost) -> None:
        self._take = take
        self._lost = lost
        self._secret = secrets.token_bytes(32)
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()

    async def address(self) -> Address:
        """Where it is called from the whole cluster; nothing listens before somebody has asked."""
        host: str = ray.util.get_node_ip_address() if ray.is_initialized() else "127.0.0.1"
        async with self._opening:
            if self._server is None:
                self._server = await asyncio.get_running_loop().create_server(self._called, host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return Address(host, port, self._secret)

    def _called(self) -> Line:
        return Line(self._take, self._lost, self._secret, calls=False)
