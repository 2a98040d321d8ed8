"""Callers of a shard who went away and come back, or do not, on a clock that jumps."""

import asyncio
import gc
from typing import Any

import pytest

from actors import buffer
from actors.outbox import NotHere, Rejoined
from pipeline.conversation import Conversation
from pipeline.events import HungUp, Typed, WentAway
from pipeline.journal import Snapshot
from pipeline.notices import AudioDone, AudioStarted, CallerBegan, Heard, Held, Said, WentOn
from pipeline.ticks import Tick
from tests.actors.moving import HEARD, LONG, SECRET, kinds
from tests.actors.shards import IDLE, Gateway, StuckStages, in_fake_time, shard, turn_of_speech
from tests.actors.spoken import silence


async def _lose_socket(gateway: Gateway) -> None:
    gateway.send(events=[(1, WentAway())])


async def _lose_gateway(gateway: Gateway) -> None:
    gateway.dies()


LOSSES = pytest.mark.parametrize("lose", [_lose_socket, _lose_gateway])


async def talked_of(*overrides: str) -> Gateway:
    """A conversation with a long reply, which has sounded for a second."""
    gateway = Gateway(shard(LONG, "playout.lead_ms=1000", *overrides))
    gateway.send(openings=[1], events=[(1, Typed("are you open?"))], secret=SECRET)
    await gateway.until(lambda: gateway.notices(1, AudioStarted))
    await asyncio.sleep(1)
    return gateway


@LOSSES
def test_who_went_away_is_kept_for_a_while_and_no_longer(lose: Any) -> None:
    async def job() -> None:
        stages = StuckStages()
        actor = shard("server.resume_s=30", "budget.filler_after_ms=0", stages=stages)
        gateway, other = Gateway(actor), Gateway(actor)
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))], secret=SECRET)
        other.send(openings=[2], secret=SECRET)
        async with asyncio.timeout(60):
            await stages.stuck.wait()
        await lose(gateway)
        await asyncio.sleep(29)
        assert ((await actor.status())["conversations"], stages.waiting) == (2, 1)
        await asyncio.sleep(2)
        assert ((await actor.status())["conversations"], stages.waiting) == (1, 0)
        assert other.got[2] == []

    in_fake_time(job)


@LOSSES
def test_who_cannot_come_back_is_not_kept(lose: Any) -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))])
        await lose(gateway)
        await asyncio.sleep(0.01)
        status = await gateway.shard.status()
        assert {name: status[name] for name in IDLE} == IDLE

    in_fake_time(job)


def test_a_reply_to_who_went_away_waits_for_them() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))], secret=SECRET)
        await asyncio.sleep(0.05)
        gateway.send(events=[(1, WentAway())])
        await asyncio.sleep(0)
        told = len(gateway.told[1])
        await asyncio.sleep(20)
        assert gateway.told[1][told:] == []
        gateway.rejoin(1, SECRET)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert len(gateway.audio(1)) == 2 * 24 * 600

    in_fake_time(job)


@LOSSES
def test_who_comes_back_through_another_gateway_gets_the_unheard_rest(lose: Any) -> None:
    async def job() -> None:
        gateway = await talked_of()
        await lose(gateway)
        await asyncio.sleep(10)
        other = Gateway(gateway.shard)
        other.rejoin(1, SECRET)
        await other.until(lambda: other.notices(1, AudioDone))
        first, *then = (delivery for delivery in other.told[1] if not isinstance(delivery, Snapshot))
        assert isinstance(first, Rejoined)
        assert (first.flow, first.manner.out_rate, first.position) == ("clinic", 24_000, 0)
        assert [type(delivery) for delivery in then if not isinstance(delivery, bytes)] == [WentOn, Said, AudioDone]
        assert then[0] == WentOn(1, 1_000)
        assert len(other.audio(1)) == 2 * 24 * 4_000
        assert gateway.audio(1)[2 * 24 * 1_000 :] == other.audio(1)[: len(gateway.audio(1)) - 2 * 24 * 1_000]
        assert (await other.shard.status())["conversations"] == 1

    in_fake_time(job)


def test_who_has_come_back_stays() -> None:
    async def job() -> None:
        gateway = await talked_of("server.resume_s=5")
        gateway.send(events=[(1, WentAway())])
        await asyncio.sleep(4)
        gateway.rejoin(1, SECRET)
        await asyncio.sleep(10)
        assert (await gateway.shard.status())["conversations"] == 1
        gateway.send(events=[(1, Typed("and on Sunday?"))])
        await gateway.until(lambda: len(gateway.notices(1, AudioDone)) == 2)

    in_fake_time(job)


def test_who_has_come_back_speaks_on_and_is_told_where_it_stands() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], secret=SECRET)
        await gateway.talk(silence(500), 1)
        gateway.dies()
        other = Gateway(gateway.shard)
        other.rejoin(1, SECRET)
        await other.talk(turn_of_speech(), 1)
        await other.until(lambda: other.notices(1, AudioDone))
        assert other.notices(1, Heard) == [HEARD]
        (place,) = other.notices(1, Rejoined)
        assert (place.position, place.events) == (8_000, 0)
        told = kinds(other, 1)
        assert Snapshot in told[: told.index(CallerBegan)]

    in_fake_time(job)


@pytest.mark.parametrize("secret", ["", "a guess", "wh\u00e4t", "\ud800"], ids=["none", "wrong", "no ASCII", "no text"])
@pytest.mark.parametrize("given", [SECRET, ""])
def test_who_does_not_know_the_secret_does_not_get_the_conversation(given: str, secret: str) -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], secret=given)
        stranger = Gateway(gateway.shard)
        stranger.shard.take(stranger.line, ([buffer.Rejoin(1, secret)], Tick.pack([]), []))
        await asyncio.sleep(0.01)
        assert stranger.told[1] == [NotHere()]
        gateway.send(events=[(1, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert (await gateway.shard.status())["failures"] == 0

    in_fake_time(job)


def test_a_conversation_that_is_over_cannot_be_come_back_to() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], events=[(1, HungUp())], secret=SECRET)
        gateway.rejoin(1, SECRET)
        gateway.rejoin(99, SECRET)
        await asyncio.sleep(0)
        assert gateway.notices(1, NotHere) == [NotHere()]
        assert gateway.notices(99, NotHere) == [NotHere()]

    in_fake_time(job)


def test_who_comes_back_before_anybody_missed_them_gets_the_unheard_rest_and_the_old_gateway_nothing_more() -> None:
    async def job() -> None:
        gateway = await talked_of()
        other = Gateway(gateway.shard)
        other.rejoin(1, SECRET)
        await other.until(lambda: other.notices(1, AudioDone))
        assert len(other.audio(1)) == 2 * 24 * 4_000
        assert (gateway.got[1][-1], gateway.notices(1, Held)) == (None, [])
        gateway.send(audio=[(1, silence(20))], events=[(1, HungUp())])
        await asyncio.sleep(0.01)
        assert (await gateway.shard.status())["conversations"] == 1

    in_fake_time(job)


def test_three_hundred_callers_who_do_not_come_back_leave_nothing_behind() -> None:
    async def job() -> None:
        actor = shard("server.resume_s=5")
        await asyncio.sleep(1)
        tasks = len(asyncio.all_tasks())
        for first in range(0, 300, 100):
            gateway = Gateway(actor)
            callers = range(first, first + 100)
            gateway.send(openings=callers, secret=SECRET)
            gateway.send(events=[(caller, Typed("are you open?")) for caller in callers[::3]])
            await gateway.talk(turn_of_speech()[:16_000], *callers[1::3])
            gateway.dies()
            await asyncio.sleep(1)
        await asyncio.sleep(60)
        status = await actor.status()
        assert {name: status[name] for name in IDLE} == IDLE
        assert len(asyncio.all_tasks()) == tasks
        assert actor._outboxes == {}
        gc.collect()
        assert [thing for thing in gc.get_objects() if isinstance(thing, Conversation)] == []

    in_fake_time(job)
