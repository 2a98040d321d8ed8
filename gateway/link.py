"""The way between this gateway and one shard, for all of its callers together.

What callers send gathers here and leaves in ticks: at once after a pause, otherwise at most every `tick_ms`; in a lull it may
wait for more. What they should get comes back over the same line. A line that breaks is dialled again until the shard answers,
which Ray starts anew.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actors.gathering import Throttle
from actors.inbox import Moved, Opening, Rejoin
from actors.line import Line, dial
from actors.outbox import Delivery, Lag, NotHere, Rejoined
from gateway.lull import Lull
from pipeline.config import Config
from pipeline.events import FromCaller, HungUp, WentAway
from pipeline.figures import Report
from pipeline.ticks import Tick

if TYPE_CHECKING:
    from gateway.calls import Call

log = logging.getLogger(__name__)

_AGAIN_S = 0.2
"""Between two attempts to reach a shard."""
_ANSWER_S = 2.0
"""How long Ray may take to say where a shard is called."""
_FEW = 8
"""Callers up to whom lulls are looked for. Of more, somebody always speaks, and looking would cost more than it saves."""


@dataclass(slots=True)
class _Question:
    """Whether a shard holds a conversation, and what it had for its caller after the answer."""

    answer: asyncio.Future[Rejoined | None]
    news: list[Delivery] = field(default_factory=lambda: [])


class ShardLink:
    def __init__(self, shard: Any, config: Config) -> None:
        """`shard` is a handle of a BufferActor; conversations begin there with the settings of this gateway."""
        self._shard = shard
        self._config = config
        self._throttle = Throttle(config.buffer.tick_ms)
        self._line: Line | None = None
        self._calls: dict[int, Call] = {}
        self._lulls: defaultdict[int, Lull] = defaultdict(Lull)
        self._rejoining: dict[int, _Question] = {}
        self._openings: list[Opening | Rejoin | Moved] = []
        self._audio: list[tuple[int, bytes]] = []
        self._events: list[tuple[int, FromCaller]] = []
        self.lag_ms = 0.0
        """How late it answers, as the shard said last."""
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, lost: Callable[[list["Call"]], None], back: Callable[[], None]) -> None:
        """`lost` hears of calls whose shard died, `back` of every time that it can be reached."""
        self._task = asyncio.create_task(self._send_forever(lost, back))

    @property
    def up(self) -> bool:
        return self._line is not None and self._line.open

    @property
    def callers(self) -> int:
        return len(self._calls)

    def open(self, call: "Call", opening: Opening, audio: bytes) -> None:
        """A conversation begins, or goes on with what its last shard may not have heard."""
        self._calls[call.id] = call
        self._openings.append(opening)
        if audio:
            self._audio.append((call.id, audio))
        self._stirred.set()

    async def rejoin(self, call: "Call", secret: str) -> Rejoined | None:
        """Asks for a conversation that the shard may hold; as long as it cannot be reached there is no answer."""
        question = self._rejoining[call.id] = _Question(asyncio.get_running_loop().create_future())
        self._openings.append(Rejoin(call.id, secret))
        self._stirred.set()
        return await question.answer

    def adopt(self, call: "Call") -> None:
        """This shard's answer counts: the call is held here, and has what came after the answer."""
        before = self._calls.get(call.id)
        if before is not None:
            # The caller is here again before its old connection was missed, which is over.
            before.link = None
            before.taker(None)
        self._calls[call.id] = call
        call.link = self
        for delivery in self._rejoining.pop(call.id).news:
            call.take(delivery)

    def decline(self, caller: int) -> None:
        """Another shard's answer counts, or none: what this one holds is an old copy."""
        question = self._rejoining.pop(caller, None)
        if question is not None and _answer(question) is not None:
            self.event(caller, HungUp())

    def audio(self, caller: int, pcm: bytes) -> None:
        self._audio.append((caller, pcm))
        if len(self._calls) > _FEW or not self._lulls[caller].holds(pcm):
            self._stirred.set()

    def event(self, caller: int, event: FromCaller) -> None:
        self._events.append((caller, event))
        self._stirred.set()

    def report(self, report: Report) -> None:
        """Tells the shard how this gateway stands."""
        if self._line is not None:
            self._line.send(report)

    def forget(self, caller: int) -> None:
        """Nobody takes this caller's deliveries any more."""
        self._calls.pop(caller, None)
        self._lulls.pop(caller, None)

    async def _send_forever(self, lost: Callable[[list["Call"]], None], back: Callable[[], None]) -> None:
        calls: list[Call] = []
        while True:
            line = self._line = await self._dial()
            line.send(self._config)
            if calls:
                self._openings += [Moved(call.id, call.opening.generation) for call in calls]
                self._stirred.set()
            back()
            while line.open:
                await self._stirred.wait()
                await self._throttle()
                self._stirred.clear()
                openings, audio, events = self._openings, self._audio, self._events
                self._openings, self._audio, self._events = [], [], []
                if openings or audio or events:
                    line.send((openings, Tick.pack(audio), events))
            # What was on its way is in the journals of the calls.
            self._openings, self._audio, self._events = [], [], []
            for question in self._rejoining.values():
                if not question.answer.done():
                    question.answer.set_exception(ConnectionError("the shard is lost"))
            calls, self._calls = list(self._calls.values()), {}
            self._lulls.clear()
            lost(calls)

    async def _dial(self) -> Line:
        while True:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return await dial(await self._shard.address.remote(), self._take, self._lost)
            except Exception as error:
                log.info("a shard cannot be reached yet (%s)", type(error).__name__)
                await asyncio.sleep(_AGAIN_S)

    def _lost(self, _: Line) -> None:
        self._stirred.set()

    def _take(self, line: Line, deliveries: list[tuple[int, Delivery]]) -> None:
        if line is not self._line:
            return
        for caller, delivery in deliveries:
            if isinstance(delivery, Lag):
                self.lag_ms = delivery.ms
                continue
            call, question = self._calls.get(caller), self._rejoining.get(caller)
            if isinstance(delivery, Rejoined | NotHere):
                self._answered(caller, delivery)
            elif question is not None:
                question.news.append(delivery)
            elif call is not None:
                call.take(delivery)

    def _answered(self, caller: int, answer: Rejoined | NotHere) -> None:
        question = self._rejoining.get(caller)
        if question is not None and not question.answer.done():
            question.answer.set_result(answer if isinstance(answer, Rejoined) else None)
        elif isinstance(answer, Rejoined) and caller not in self._calls:
            # Nobody waits for it any more.
            self.event(caller, WentAway())


def _answer(question: _Question) -> Rejoined | None:
    answer = question.answer
    return answer.result() if answer.done() and not answer.cancelled() and answer.exception() is None else None
