"""The calls that this gateway carries, and the shards that hold them; a call whose shard is lost goes on at another one."""

import asyncio
import logging
from collections.abc import Callable

from actors.inbox import Opening
from actors.outbox import Delivery, ForClient, Lag, NotHere, Progress, Rejoined
from gateway.admission import Admission
from gateway.link import ShardLink
from pipeline.errors import ServerError
from pipeline.events import FromCaller, HungUp
from pipeline.figures import Report
from pipeline.journal import Journal, Snapshot

log = logging.getLogger(__name__)

_REJOIN_S = 2.0


class Call:
    """One caller's way to the shard that holds the conversation, whichever that is."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.journal = Journal(opening.manner.out_rate)
        self._waiting: list[ForClient] = []
        self.taker: Callable[[ForClient], None] = self._waiting.append
        """Gets what the client should get."""
        self.link: ShardLink | None = None
        """None while no shard can be reached."""
        self.left = False
        """Whether the caller went away while none could."""

    @property
    def id(self) -> int:
        return self.opening.id

    def go_on(self, taker: Callable[[ForClient], None]) -> None:
        """Hands out what has come since the caller is back, and everything from now on."""
        self.taker, waiting = taker, self._waiting
        self._waiting = []
        for delivery in waiting:
            taker(delivery)

    def audio(self, pcm: bytes) -> None:
        self.journal.audio(pcm)
        if self.link is not None:
            self.link.audio(self.id, pcm)

    def event(self, event: FromCaller) -> None:
        self.journal.event(event)
        if self.link is not None:
            self.link.event(self.id, event)

    def take(self, delivery: Delivery) -> None:
        match delivery:
            case Snapshot():
                self.journal.keep(delivery)
            case None:
                self.taker(None)
            case Progress(position, events):
                self.journal.advance(position, events)
            case Rejoined() | NotHere() | Lag():
                pass  # The link has taken it.
            case _:
                news = self.journal.news(delivery)
                if news is not None:
                    self.taker(news)


class Calls:
    def __init__(self, links: list[ShardLink], admission: Admission) -> None:
        self._links = links
        self._admission = admission
        self._waiting: list[Call] = []
        """Calls that no shard holds at the moment."""
        for link in links:
            link.start(self._lost, self._back)

    def check_room(self) -> None:
        """Raises `server_busy` when another conversation would hurt those that there are."""
        self._admission.check(self._late_ms(), self.callers)

    def check_lateness(self) -> None:
        """Raises `server_busy` when work beside the conversations would hurt them."""
        self._admission.check_lateness(self._late_ms(), self.callers)

    def _late_ms(self) -> list[float]:
        return [link.lag_ms for link in self._links if link.up]

    @property
    def callers(self) -> int:
        return len(self._waiting) + sum(link.callers for link in self._links)

    def report(self, report: Report) -> None:
        """Any shard will do: whoever gathers asks all of them."""
        link = next((link for link in self._links if link.up), None)
        if link is not None:
            link.report(report)

    def open(self, call: Call, taker: Callable[[ForClient], None]) -> None:
        call.taker = taker
        self._place(call)

    def end(self, call: Call, last: FromCaller) -> None:
        """The caller is gone for good, or may come back through another gateway."""
        call.event(last)
        if call.link is not None:
            call.link.forget(call.id)
            call.link = None
        elif call in self._waiting:
            call.left = True
            if isinstance(last, HungUp):
                self._waiting.remove(call)

    async def rejoin(self, call: Call, secret: str) -> Rejoined | None:
        """Looks for a conversation whose caller has come back; None when no shard knows it.

        A shard that was frozen for a while may hold an old copy: the newest one counts, and the others end.
        """
        if any(waiting.id == call.id for waiting in self._waiting):
            raise _later()
        asked = {link: asyncio.create_task(link.rejoin(call, secret)) for link in self._links}
        newest: ShardLink | None = None
        try:
            await asyncio.wait([answer for link, answer in asked.items() if link.up] or asked.values(), timeout=_REJOIN_S)
            if not _found(asked):
                await asyncio.wait(asked.values(), timeout=_REJOIN_S)
            found = _found(asked)
            newest = max(found, key=lambda link: found[link].generation, default=None)
            if newest is not None:
                return self._take_back(call, newest, found[newest])
            if not all(_answered(answer) for answer in asked.values()):
                raise _later()
            return None
        finally:
            for link, answer in asked.items():
                answer.cancel()
                if link is not newest:
                    link.decline(call.id)

    def _take_back(self, call: Call, link: ShardLink, rejoined: Rejoined) -> Rejoined:
        call.opening = call.opening._replace(flow=rejoined.flow, manner=rejoined.manner, generation=rejoined.generation)
        call.journal.begin_at(rejoined.position, rejoined.events)
        link.adopt(call)
        return rejoined

    def _place(self, call: Call) -> None:
        """A conversation begins, or goes on elsewhere."""
        up = [link for link in self._links if link.up]
        link = min(up, key=lambda link: (self._admission.too_late(link.lag_ms), link.callers), default=None)
        call.link = link
        if link is None:
            self._waiting.append(call)
            return
        returns, audio = call.journal.go_back()
        call.opening = call.opening._replace(generation=call.opening.generation + 1)
        link.open(call, call.opening._replace(returns=returns), audio)
        if call.left:
            # That it left is told last; where it is now, its caller may come back to it.
            link.forget(call.id)
            call.link = None

    def _lost(self, calls: list[Call]) -> None:
        """A shard died with these calls."""
        log.warning("a shard is lost; %d conversations go on elsewhere", len(calls))
        for call in calls:
            self._place(call)

    def _back(self) -> None:
        """A shard can be reached."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self._place(call)


def _later() -> ServerError:
    return ServerError("resume_later", "a part of the server is being started again; try once more in a second")


Asked = dict[ShardLink, asyncio.Task[Rejoined | None]]


def _answered(answer: asyncio.Task[Rejoined | None]) -> bool:
    return answer.done() and not answer.cancelled() and answer.exception() is None


def _found(asked: Asked) -> dict[ShardLink, Rejoined]:
    answers = {link: answer.result() for link, answer in asked.items() if _answered(answer)}
    return {link: rejoined for link, rejoined in answers.items() if rejoined is not None and link.up}
