"""The way to a shard, over a real line; the shard's end is in the test's hands."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from actors.inbox import Moved, Opening, Rejoin
from actors.line import Address, Line, Switchboard
from actors.outbox import NotHere, Rejoined
from gateway.calls import Call
from gateway.link import ShardLink
from pipeline.config import Config
from pipeline.events import HungUp, StopAsked, Typed, WentAway
from pipeline.figures import Report
from pipeline.journal import Snapshot
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import AudioStarted
from pipeline.ports import LISTENING_RATE

CONFIG = load_config(None, ["buffer.tick_ms=1", "turn.silence_ms=700"], {})
MANNER = Manner("en", 8_000)
HERE = Rejoined(MANNER, "clinic", 640, 2, 0)


class Shard:
    """Stands for the handle of a BufferActor too: `await shard.address.remote()`."""

    def __init__(self) -> None:
        self.board = Switchboard(self._take, self._drop)
        self.heard: asyncio.Queue[tuple[list[Any], list[Any], list[Any]]] = asyncio.Queue()
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.lines: list[Line] = []
        self.settings: Config | None = None
        self.address = self
        self.asked = 0
        self.unreachable = 0
        """How many times it is asked before it answers."""

    async def remote(self) -> Address:
        self.asked += 1
        if self.asked <= self.unreachable:
            raise ConnectionError
        return await self.board.address()

    def _take(self, line: Line, message: Any) -> None:
        if line not in self.lines:
            self.lines.append(line)
        if isinstance(message, Config):
            self.settings = message
            return
        if isinstance(message, Report):
            self.reports.put_nowait(message)
            return
        openings, audio, events = message
        self.heard.put_nowait((openings, [(id, samples.tolist()) for id, samples in audio.unpack()], events))

    def _drop(self, line: Line) -> None:
        pass

    async def next(self) -> tuple[list[Any], list[Any], list[Any]]:
        return await asyncio.wait_for(self.heard.get(), 5)

    def tell(self, *deliveries: tuple[int, Any]) -> None:
        self.lines[-1].send(list(deliveries))

    def die(self) -> None:
        self.lines[-1].close()


class Way:
    """A link, and who hears of its ups and downs."""

    def __init__(self, shard: Shard) -> None:
        self.link = ShardLink(shard, CONFIG)
        self.lost: asyncio.Queue[list[Call]] = asyncio.Queue()
        self.ups = asyncio.Semaphore(0)
        self.link.start(self.lost.put_nowait, self.ups.release)

    async def up(self) -> None:
        await asyncio.wait_for(self.ups.acquire(), 5)


class Taker:
    def __init__(self) -> None:
        self.got: asyncio.Queue[Any] = asyncio.Queue()

    async def next(self) -> Any:
        return await asyncio.wait_for(self.got.get(), 5)


@pytest.fixture
def shard() -> Shard:
    return Shard()


@pytest.fixture
async def way(shard: Shard) -> AsyncIterator[Way]:
    way = Way(shard)
    await way.up()
    yield way
    assert way.link._task is not None
    way.link._task.cancel()


def opened(way: Way, id: int = 1) -> tuple[Call, Taker]:
    call, taker = Call(Opening(id, "clinic", MANNER)), Taker()
    call.taker = taker.got.put_nowait
    call.link = way.link
    way.link.open(call, call.opening, b"")
    return call, taker


async def test_what_gathers_goes_together(way: Way, shard: Shard) -> None:
    call, _ = opened(way)
    call.audio(b"\x01\x00")
    call.audio(b"\x02\x00")
    call.event(StopAsked())
    opened(way, 2)
    assert await shard.next() == (
        [Opening(1, "clinic", MANNER), Opening(2, "clinic", MANNER)],
        [(1, [1]), (1, [2])],
        [(1, StopAsked())],
    )


async def test_a_shard_hears_first_with_which_settings_conversations_begin(way: Way, shard: Shard) -> None:
    opened(way)
    await shard.next()
    assert shard.settings == CONFIG
    shard.settings = None
    shard.die()
    await way.up()
    opened(way)
    await shard.next()
    assert shard.settings == CONFIG


async def test_a_caller_in_a_lull_sends_less_often_until_something_is_heard(way: Way, shard: Shard) -> None:
    call, _ = opened(way)
    await shard.next()
    call.audio(bytes(2 * LISTENING_RATE * 2))
    await shard.next()
    for samples in ([1] * 800, [2] * 800, [3]):
        call.audio(np.array(samples, np.int16).tobytes())
    assert await shard.next() == ([], [(1, [1] * 800), (1, [2] * 800), (1, [3])], [])
    call.audio(b"\x04\x00")
    call.audio(b"\x00\x40")
    assert await shard.next() == ([], [(1, [4]), (1, [0x4000])], [])


async def test_what_happens_in_a_lull_takes_its_audio_along(way: Way, shard: Shard) -> None:
    call, _ = opened(way)
    await shard.next()
    call.audio(bytes(2 * LISTENING_RATE * 2))
    await shard.next()
    call.audio(b"\x01\x00")
    call.event(StopAsked())
    assert await shard.next() == ([], [(1, [1])], [(1, StopAsked())])


async def test_among_many_callers_nobody_waits(way: Way, shard: Shard) -> None:
    first, *_ = [opened(way, id)[0] for id in range(1, 10)]
    await shard.next()
    first.audio(bytes(2 * LISTENING_RATE * 2))
    await shard.next()
    first.audio(b"\x01\x00")
    assert await shard.next() == ([], [(1, [1])], [])


async def test_a_call_that_moves_brings_what_was_said(way: Way, shard: Shard) -> None:
    call = Call(Opening(1, "clinic", MANNER))
    way.link.open(call, call.opening, np.array([5, 6], np.int16).tobytes())
    way.link.event(1, Typed("hello"))
    assert await shard.next() == ([call.opening], [(1, [5, 6])], [(1, Typed("hello"))])


async def test_deliveries_reach_their_call_and_nobody_else(way: Way, shard: Shard) -> None:
    _, first = opened(way, 1)
    _, second = opened(way, 2)
    await shard.next()
    shard.tell((1, AudioStarted(1)), (9, b"\x09\x00"), (2, b"\x02\x00"), (1, Snapshot(b"", 0, 0)), (1, None))
    assert [await first.next(), await first.next(), await second.next()] == [AudioStarted(1), None, b"\x02\x00"]


async def test_a_forgotten_call_gets_nothing(way: Way, shard: Shard) -> None:
    _, first = opened(way, 1)
    _, second = opened(way, 2)
    await shard.next()
    way.link.forget(1)
    shard.tell((1, AudioStarted(1)), (2, AudioStarted(2)))
    assert await second.next() == AudioStarted(2)
    assert first.got.empty()
    assert way.link.callers == 1


async def test_the_calls_of_a_shard_that_dies_are_handed_back_and_it_is_called_again(way: Way, shard: Shard) -> None:
    call, _ = opened(way)
    await shard.next()
    shard.die()
    assert await asyncio.wait_for(way.lost.get(), 5) == [call]
    await way.up()
    assert (way.link.up, way.link.callers) == (True, 0)
    assert await shard.next() == ([Moved(1, 0)], [], [])
    other, _ = opened(way, 2)
    assert await shard.next() == ([other.opening], [], [])


async def test_a_shard_that_only_slept_hears_which_conversations_go_on_elsewhere(way: Way, shard: Shard) -> None:
    stays, _ = opened(way, 1)
    moves, _ = opened(way, 2)
    await shard.next()
    shard.die()
    for call in await way.lost.get():
        assert call in (stays, moves)
    moves.opening = moves.opening._replace(generation=1)
    await way.up()
    assert await shard.next() == ([Moved(1, 0), Moved(2, 1)], [], [])


async def test_a_shard_that_cannot_be_reached_is_called_until_it_can() -> None:
    shard = Shard()
    shard.unreachable = 2
    way = Way(shard)
    assert not way.link.up
    await way.up()
    assert (way.link.up, shard.asked) == (True, 3)


# Callers who come back


async def ask(way: Way, shard: Shard, answer: Rejoined | NotHere, *more: Any) -> tuple[Call, asyncio.Task[Rejoined | None]]:
    call = Call(Opening(1, "", MANNER, "secret"))
    asking = asyncio.create_task(way.link.rejoin(call, "secret"))
    assert await shard.next() == ([Rejoin(1, "secret")], [], [])
    shard.tell((1, answer), *((1, one) for one in more))
    await asking
    return call, asking


async def test_a_conversation_that_is_held_there_is_taken_up_again(way: Way, shard: Shard) -> None:
    call, asking = await ask(way, shard, HERE, AudioStarted(3))
    taker = Taker()
    call.taker = taker.got.put_nowait
    way.link.adopt(call)
    assert (asking.result(), call.link, way.link.callers) == (HERE, way.link, 1)
    assert await taker.next() == AudioStarted(3)
    shard.tell((1, b"\x01\x00"))
    assert await taker.next() == b"\x01\x00"


async def test_one_that_is_not_is_not(way: Way, shard: Shard) -> None:
    call, asking = await ask(way, shard, NotHere())
    way.link.decline(call.id)
    assert (asking.result(), way.link.callers) == (None, 0)


async def test_an_old_copy_ends(way: Way, shard: Shard) -> None:
    call, _ = await ask(way, shard, HERE)
    way.link.decline(call.id)
    assert await shard.next() == ([], [], [(1, HungUp())])


async def test_an_answer_that_comes_too_late_leaves_the_conversation_to_wait(way: Way, shard: Shard) -> None:
    call = Call(Opening(1, "", MANNER, "secret"))
    asking = asyncio.create_task(way.link.rejoin(call, "secret"))
    await shard.next()
    asking.cancel()
    way.link.decline(call.id)
    shard.tell((1, HERE))
    assert await shard.next() == ([], [], [(1, WentAway())])


async def test_an_answer_that_comes_twice_changes_nothing(way: Way, shard: Shard) -> None:
    call, _ = await ask(way, shard, HERE)
    taker = Taker()
    call.taker = taker.got.put_nowait
    way.link.adopt(call)
    shard.tell((1, HERE), (1, AudioStarted(3)))
    assert await taker.next() == AudioStarted(3)
    way.link.event(1, Typed("hello"))
    assert await shard.next() == ([], [], [(1, Typed("hello"))])


async def test_a_report_goes_over_the_same_line(way: Way, shard: Shard) -> None:
    report = Report("gateway", "gateway-1", {"parley_callers": {(): 2}})
    way.link.report(report)
    assert await asyncio.wait_for(shard.reports.get(), 5) == report


async def test_a_shard_that_dies_meanwhile_has_no_answer(way: Way, shard: Shard) -> None:
    asking = asyncio.create_task(way.link.rejoin(Call(Opening(1, "", MANNER, "secret")), "secret"))
    await shard.next()
    shard.die()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(asking, 5)


async def test_what_a_dead_shard_still_said_is_not_believed(way: Way, shard: Shard) -> None:
    _, taker = opened(way)
    await shard.next()
    stale = way.link._line
    shard.die()
    await way.up()
    _, other = opened(way, 1)
    assert stale is not None
    way.link._take(stale, [(1, AudioStarted(9))])
    await shard.next()
    shard.tell((1, b"\x01\x00"))
    assert await other.next() == b"\x01\x00"
    assert taker.got.empty()
