"""The way between this gateway and one shard, for all of its callers together.

What callers send gathers here and leaves in ticks: at once after a pause, otherwise at most every `tick_ms`, and two under way
at most, so that a slow shard gets fewer and larger ticks instead of a queue of them. The answers bring what callers should
get; one is always awaited, and held back by the shard until it has something to bring.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from actors.buffer import Opening
from actors.gathering import Throttle
from actors.line import Line, dial
from actors.outbox import Delivery
from pipeline.errors import Fault
from pipeline.events import FromCaller
from pipeline.notices import Failed
from pipeline.ticks import Tick

log = logging.getLogger(__name__)

_PATIENCE_S = 0.2
_LOST = Failed(
    "conversation_lost", "the part of the server that held this conversation failed; please call again", Fault.SERVER
)


class ShardLink:
    def __init__(self, gateway: str, shard: Any, tick_ms: float) -> None:
        """`shard` is a handle of a BufferActor."""
        self._gateway = gateway
        self._shard = shard
        self._throttle = Throttle(tick_ms)
        self._takers: dict[int, Callable[[Delivery], None]] = {}
        self._openings: list[Opening] = []
        self._audio: list[tuple[int, bytes]] = []
        self._events: list[tuple[int, FromCaller]] = []
        self._stirred = asyncio.Event()
        self._task = asyncio.create_task(self._send_forever())

    @property
    def callers(self) -> int:
        return len(self._takers)

    def open(self, opening: Opening, taker: Callable[[Delivery], None]) -> None:
        self._takers[opening.id] = taker
        self._openings.append(opening)
        self._stirred.set()

    def audio(self, caller: int, pcm: bytes) -> None:
        self._audio.append((caller, pcm))
        self._stirred.set()

    def event(self, caller: int, event: FromCaller) -> None:
        self._events.append((caller, event))
        self._stirred.set()

    def forget(self, caller: int) -> None:
        """Nobody takes this caller's deliveries any more."""
        self._takers.pop(caller, None)

    async def _send_forever(self) -> None:
        while True:
            line = await self._dial()
            while line.open:
                await self._stirred.wait()
                await self._throttle()
                self._stirred.clear()
                openings, audio, events = self._openings, self._audio, self._events
                self._openings, self._audio, self._events = [], [], []
                if openings or audio or events:
                    line.send((openings, Tick.pack(audio), events))

    async def _dial(self) -> Line:
        while True:
            try:
                return await dial(await self._shard.address.remote(), self._take, self._lost)
            except Exception as error:
                log.warning("shard cannot be reached (%s)", type(error).__name__)
                await asyncio.sleep(_PATIENCE_S)

    def _take(self, _: Line, deliveries: list[tuple[int, Delivery]]) -> None:
        for caller, delivery in deliveries:
            taker = self._takers.get(caller)
            if taker is not None:
                taker(delivery)

    def _lost(self, _: Line) -> None:
        """The shard died, and what it held is gone; Ray starts it again."""
        log.error("shard failed; %d conversations are lost", len(self._takers))
        takers, self._takers = self._takers, {}
        for taker in takers.values():
            taker(_LOST)
            taker(None)
        self._stirred.set()
