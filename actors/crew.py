"""The replicas of the stages that have called in at this process, and what each of them does for it.

A replica calls in when it begins, and again when its line breaks, so nobody looks for replicas: who is here can work. A request
goes to whoever has the fewest of ours; what a lost replica leaves unfinished ends in a `ConnectionError`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from actors.line import Address, Line, Switchboard
from pipeline.figures import Report

log = logging.getLogger(__name__)

_WAIT_S = 5.0
"""How long a request waits until a replica of its stage has called in: Serve starts one anew in two or three seconds."""


class Joined(NamedTuple):
    """A replica is here to work."""

    stage: str


class Leaving(NamedTuple):
    """A replica takes no new requests, and finishes those that it has."""


class Asked(NamedTuple):
    """A request: what the stage should do, and with what."""

    number: int
    what: str
    arguments: tuple[Any, ...]


class Left(NamedTuple):
    """Nobody wants the rest of an answer."""

    number: int


class Item(NamedTuple):
    """A piece of an answer."""

    number: int
    item: Any


class Ended(NamedTuple):
    """Nothing more of an answer comes."""

    number: int
    error: Exception | None


FromReplica = Joined | Leaving | Item | Ended | Report
FromShard = Asked | Left


@dataclass(slots=True)
class _Member:
    stage: str
    line: Line
    under_way: dict[int, asyncio.Queue[Item | Ended]] = field(default_factory=lambda: {})
    leaving: bool = False
    report: Report | None = None
    """How it stood last, if it told this process."""


class Crew:
    def __init__(self) -> None:
        self._switchboard = Switchboard(self._take, self._lost)
        self._members: dict[Line, _Member] = {}
        self._numbers = count(1)
        self._news = asyncio.Event()

    async def address(self) -> Address:
        """Where replicas call in."""
        return await self._switchboard.address()

    def reports(self) -> list[Report]:
        """How those stand who have told it."""
        return [member.report for member in self._members.values() if member.report is not None]

    async def ask(self, stage: str, what: str, *arguments: Any) -> AsyncGenerator[Any, None]:
        """The pieces of an answer; who leaves early spares the replica the rest."""
        member = await self._free(stage)
        number = next(self._numbers)
        answer = member.under_way[number] = asyncio.Queue()
        member.line.send(Asked(number, what, arguments))
        try:
            while isinstance(piece := await answer.get(), Item):
                yield piece.item
            if piece.error is not None:
                raise piece.error
        finally:
            if member.under_way.pop(number, None) is not None:
                member.line.send(Left(number))

    async def _free(self, stage: str) -> _Member:
        async with asyncio.timeout(_WAIT_S):
            while not (here := self._here(stage)):
                await self._news.wait()
        return min(here, key=lambda member: len(member.under_way))

    def _here(self, stage: str) -> list[_Member]:
        self._news.clear()
        return [member for member in self._members.values() if member.stage == stage and not member.leaving]

    def _take(self, line: Line, message: FromReplica) -> None:
        if isinstance(message, Joined):
            self._members[line] = _Member(message.stage, line)
            self._news.set()
            return
        member = self._members[line]
        match message:
            case Leaving():
                member.leaving = True
            case Item():
                if message.number in member.under_way:
                    member.under_way[message.number].put_nowait(message)
            case Ended():
                answer = member.under_way.pop(message.number, None)
                if answer is not None:
                    answer.put_nowait(message)
            case Report():
                member.report = message

    def _lost(self, line: Line) -> None:
        member = self._members.pop(line, None)
        if member is None:
            return
        if member.under_way:
            log.warning("a replica of %s is lost with %d requests", member.stage, len(member.under_way))
        for number, answer in member.under_way.items():
            answer.put_nowait(Ended(number, ConnectionError("the replica was lost")))
        member.under_way = {}
