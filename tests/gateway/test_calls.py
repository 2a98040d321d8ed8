"""Calls and the shards that hold them; the ways to the shards are played by the test."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.inbox import Opening
from actors.loop_lag import LoopLag
from actors.outbox import Rejoined
from gateway.admission import Admission
from gateway.calls import Call, Calls
from pipeline.errors import ServerError
from pipeline.events import FromCaller, HungUp, StopAsked, Typed, WentAway
from pipeline.figures import Report
from pipeline.journal import Return, Snapshot
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.memento import Told
from pipeline.notices import AudioStarted, CallerBegan
from tests.fakes.fake_time import run_in_fake_time

MANNER = Manner("en", 8_000)
FRAME = bytes(640)


def here(generation: int = 0) -> Rejoined:
    return Rejoined(MANNER, "clinic", 640, 2, generation)


class Link:
    """The way to one shard, which the test brings down and up."""

    def __init__(self, callers: int = 0, *, up: bool = True) -> None:
        self.up = up
        self.lag_ms = 0.0
        self.others = callers
        self.calls: dict[int, Call] = {}
        self.opened: list[tuple[Opening, bytes]] = []
        self.said: list[Any] = []
        self.answer: asyncio.Future[Rejoined | None] | Rejoined | None = None
        self.declined: list[int] = []
        self.reports: list[Report] = []

    def start(self, lost: Callable[[list[Call]], None], back: Callable[[], None]) -> None:
        self.lost, self.back = lost, back

    @property
    def callers(self) -> int:
        return self.others + len(self.calls)

    def open(self, call: Call, opening: Opening, audio: bytes) -> None:
        self.calls[call.id] = call
        self.opened.append((opening, audio))

    def audio(self, _: int, pcm: bytes) -> None:
        self.said.append(pcm)

    def event(self, _: int, event: FromCaller) -> None:
        self.said.append(event)

    def report(self, report: Report) -> None:
        self.reports.append(report)

    def forget(self, caller: int) -> None:
        self.calls.pop(caller, None)

    async def rejoin(self, _call: Call, _secret: str) -> Rejoined | None:
        return await self.answer if isinstance(self.answer, asyncio.Future) else self.answer

    def adopt(self, call: Call) -> None:
        self.calls[call.id] = call
        call.link = self  # type: ignore[assignment]

    def decline(self, caller: int) -> None:
        self.declined.append(caller)

    def die(self) -> None:
        self.up = False
        calls, self.calls = list(self.calls.values()), {}
        self.lost(calls)

    def come_back(self) -> None:
        self.up = True
        self.back()


def carrying(*links: Link) -> Calls:
    return Calls(list(links), Admission(load_config(environ={}), LoopLag()))  # type: ignore[arg-type]


def call(id: int = 1) -> Call:
    return Call(Opening(id, "clinic", MANNER, "secret"))


def nobody(_: Any) -> None:
    pass


# Where calls go


async def test_a_call_goes_where_the_fewest_are() -> None:
    links = Link(callers=2), Link(callers=1), Link(callers=3)
    calls = carrying(*links)
    for id in range(4):
        calls.open(call(id), nobody)
    assert [link.callers for link in links] == [4, 3, 3]


async def test_or_where_it_is_not_too_late() -> None:
    late, other = Link(callers=1), Link(callers=3)
    late.lag_ms = 500.0
    carrying(late, other).open(call(), nobody)
    assert (len(late.opened), len(other.opened)) == (0, 1)


async def test_and_never_where_nobody_answers() -> None:
    down, up = Link(up=False), Link(callers=9)
    carrying(down, up).open(call(), nobody)
    assert (down.opened, len(up.opened)) == ([], 1)


async def test_a_report_goes_to_one_shard_that_is_up_and_nowhere_else() -> None:
    down, first, second = Link(up=False), Link(3), Link(1)
    calls = carrying(down, first, second)
    report = Report("gateway", "gateway-1", {})
    calls.report(report)
    assert [link.reports for link in (down, first, second)] == [[], [report], []]
    first.up = second.up = False
    calls.report(report)
    assert (first.reports, calls.callers) == ([report], 4)


async def test_one_that_begins_while_no_shard_is_up_waits_and_what_was_said_is_heard() -> None:
    link = Link(up=False)
    calls, one = carrying(link), call()
    calls.open(one, nobody)
    one.audio(FRAME)
    one.event(Typed("hello"))
    assert link.opened == []
    link.come_back()
    returns = Return(None, 0, Told(again=(0, 320)), 0, ((320, Typed("hello")),))
    assert link.opened == [(one.opening._replace(returns=returns), FRAME)]
    one.audio(FRAME)
    assert link.said == [FRAME]


# A shard is lost


async def test_its_calls_go_on_where_the_fewest_are() -> None:
    lost, few, many = Link(), Link(callers=1), Link(callers=5)
    calls = carrying(lost, few, many)
    ones = [call(id) for id in range(3)]
    calls.open(ones[0], nobody)
    lost.others = -9
    for one in ones[1:]:
        calls.open(one, nobody)
    lost.die()
    assert (list(few.calls), list(many.calls)) == ([0, 1, 2], [])


async def test_a_call_goes_on_from_its_newest_snapshot_with_what_was_said_and_told_since() -> None:
    lost, other = Link(), Link(callers=1)
    calls, one = carrying(lost, other), call()
    got: list[Any] = []
    calls.open(one, got.append)
    one.audio(FRAME)
    one.event(StopAsked())
    one.take(Snapshot(b"memento", 320, 1, reply=1))
    one.audio(FRAME)
    one.event(Typed("hello"))
    for told in (CallerBegan(20), AudioStarted(1), b"\x01\x00\x02\x00"):
        one.take(told)
    lost.die()
    [(opening, audio)] = other.opened
    told = Told(again=(320, 640), turn=1, sent=2, unheard=2)
    returns = Return(b"memento", 320, told, 1, ((640, Typed("hello")),))
    assert (opening.returns, opening.generation, audio) == (returns, 2, FRAME)
    for told in (CallerBegan(20), b"\x03\x00"):
        one.take(told)
    assert got == [CallerBegan(20), AudioStarted(1), b"\x01\x00\x02\x00", b"\x03\x00"]


async def test_calls_wait_while_no_shard_is_up_and_go_when_one_is_back() -> None:
    link = Link()
    calls, one = carrying(link), call()
    calls.open(one, nobody)
    link.die()
    one.audio(FRAME)
    assert (link.opened[1:], one.link) == ([], None)
    link.come_back()
    [(opening, audio)] = link.opened[1:]
    assert (opening.id, audio) == (1, FRAME)
    link.come_back()
    assert len(link.opened) == 2


async def test_a_call_that_ended_meanwhile_goes_nowhere() -> None:
    link = Link()
    calls, one, other = carrying(link), call(1), call(2)
    calls.open(one, nobody)
    calls.open(other, nobody)
    link.die()
    calls.end(one, HungUp())
    link.come_back()
    assert [opening.id for opening, _ in link.opened[2:]] == [2]


async def test_who_leaves_while_no_shard_is_up_can_come_back_once_one_is() -> None:
    link = Link()
    calls, one, again = carrying(link), call(), call()
    calls.open(one, nobody)
    link.die()
    calls.end(one, WentAway())
    with pytest.raises(ServerError, match="once more"):
        await calls.rejoin(again, "secret")
    link.come_back()
    [(opening, _)] = link.opened[1:]
    assert opening.returns == Return(None, 0, Told(), 0, ((0, WentAway()),))
    assert (link.calls, one.link) == ({}, None)
    link.answer = here(2)
    assert await calls.rejoin(again, "secret") == here(2)


async def test_a_call_that_ends_says_so_and_is_forgotten() -> None:
    link = Link()
    calls, one = carrying(link), call()
    calls.open(one, nobody)
    calls.end(one, WentAway())
    assert (link.said, link.calls, one.link) == ([WentAway()], {}, None)
    link.die()
    assert len(link.opened) == 1


# A caller comes back


async def test_the_one_shard_that_knows_the_conversation_is_found() -> None:
    links = Link(), Link(), Link()
    links[1].answer = here(3)
    calls, one = carrying(*links), Call(Opening(1, "", MANNER, "secret"))
    assert await calls.rejoin(one, "secret") == here(3)
    assert (one.link, one.opening) == (links[1], Opening(1, "clinic", MANNER, "secret", generation=3))
    assert [link.declined for link in links] == [[1], [], [1]]


async def test_of_two_copies_the_newer_one_counts() -> None:
    links = Link(), Link()
    links[0].answer, links[1].answer = here(1), here(2)
    one = call()
    await carrying(*links).rejoin(one, "secret")
    assert (one.link, links[0].declined) == (links[1], [1])


async def test_nobody_knows_it() -> None:
    one = call()
    assert await carrying(Link(), Link()).rejoin(one, "secret") is None
    assert one.link is None


async def test_it_goes_on_counting_where_the_conversation_is() -> None:
    link, other = Link(), Link(callers=1)
    link.answer = here()
    calls, one = carrying(link, other), call()
    await calls.rejoin(one, "secret")
    one.audio(FRAME)
    one.take(Snapshot(b"m", 800, 2))
    link.die()
    [(opening, audio)] = other.opened
    assert (opening.returns and opening.returns.position, len(audio)) == (800, len(FRAME) - 2 * 160)


def test_a_shard_that_is_being_started_again_may_be_the_one() -> None:
    async def job() -> str:
        down = Link(up=False)
        down.answer = asyncio.get_running_loop().create_future()
        with pytest.raises(ServerError) as caught:
            await carrying(Link(), down).rejoin(call(), "secret")
        return caught.value.code

    assert run_in_fake_time(job) == "resume_later"


async def test_what_comes_before_the_caller_is_there_is_handed_out_then() -> None:
    one = call()
    one.take(AudioStarted(1))
    got: list[Any] = []
    one.go_on(got.append)
    one.take(b"\x01\x00")
    one.take(None)
    assert got == [AudioStarted(1), b"\x01\x00", None]
