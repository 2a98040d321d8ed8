import asyncio

import pytest

from actors.outbox import Outbox
from pipeline.notices import AudioStarted
from tests.fakes.fake_time import run_in_fake_time


async def test_what_waits_is_answered_at_once_and_in_order() -> None:
    outbox = Outbox()
    outbox.put(1, AudioStarted(1))
    outbox.put(2, b"\1\0")
    outbox.put(1, None)
    assert await outbox.answer() == [(1, AudioStarted(1)), (2, b"\1\0"), (1, None)]


async def test_an_answer_is_held_until_there_is_something() -> None:
    outbox = Outbox()
    held = asyncio.create_task(outbox.answer())
    await asyncio.sleep(0)
    assert not held.done()
    outbox.put(1, b"\1\0")
    outbox.put(2, b"\2\0")
    assert await held == [(1, b"\1\0"), (2, b"\2\0")]


async def test_the_next_message_releases_it_and_is_held_instead() -> None:
    outbox = Outbox()
    first = asyncio.create_task(outbox.answer())
    await asyncio.sleep(0)
    second = asyncio.create_task(outbox.answer())
    assert await first == []
    assert not second.done()
    outbox.put(1, None)
    assert await second == [(1, None)]


async def test_nothing_is_given_twice_or_lost_between_two_messages() -> None:
    outbox = Outbox()
    first = asyncio.create_task(outbox.answer())
    await asyncio.sleep(0)
    second = asyncio.create_task(outbox.answer())
    await asyncio.sleep(0)
    outbox.put(1, b"\1\0")
    outbox.put(1, None)
    answers = [*await first, *await second]
    assert answers == [(1, b"\1\0"), (1, None)]


def test_an_answer_is_not_held_for_ever() -> None:
    async def job() -> tuple[object, float]:
        return await Outbox().answer(), asyncio.get_running_loop().time()

    assert run_in_fake_time(job) == ([], 5.0)


async def test_a_gateway_that_is_gone_does_no_harm() -> None:
    outbox = Outbox()
    held = asyncio.create_task(outbox.answer())
    await asyncio.sleep(0)
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    outbox.put(1, None)
    assert await outbox.answer() == [(1, None)]


def test_it_knows_how_long_its_gateway_has_been_silent() -> None:
    async def job() -> list[float]:
        outbox = Outbox()
        await asyncio.sleep(3)
        silent = [outbox.silent_for_s]
        outbox.put(1, None)
        await outbox.answer()
        silent.append(outbox.silent_for_s)
        await asyncio.sleep(2)
        return [*silent, outbox.silent_for_s]

    assert run_in_fake_time(job) == [3, 0, 2]
