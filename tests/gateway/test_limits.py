"""Limits that one replica counts for itself."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.limits import Limits
from pipeline.bucket import RateLimit
from pipeline.errors import ClientError
from pipeline.keys import ANYONE, Caller
from tests.fakes.fake_time import run_in_fake_time

ANN, BOB = Caller("ann", 2, 60), Caller("bob", 1, 60)


async def converse(limits: Limits, caller: Caller) -> None:
    async with limits.conversation(caller):
        pass


async def refusal(limits: Limits, caller: Caller, conversation: bool = False) -> tuple[str, str | None, float | None]:
    with pytest.raises(ClientError) as caught:
        await (converse(limits, caller) if conversation else limits.take_request(caller))
    return caught.value.code, caught.value.param, caught.value.retry_after_s


def test_requests_past_the_limit_are_refused_until_there_is_one_again() -> None:
    async def job() -> None:
        limits = Limits()
        for _ in range(60):
            await limits.take_request(ANN)
        assert await refusal(limits, ANN) == ("rate_limit_exceeded", "requests", 1.0)
        await limits.take_request(BOB)
        await asyncio.sleep(1.0)
        await limits.take_request(ANN)
        assert await refusal(limits, ANN) == ("rate_limit_exceeded", "requests", 1.0)

    run_in_fake_time(job)


def test_what_is_left_can_be_seen() -> None:
    async def job() -> list[tuple[RateLimit, ...]]:
        limits = Limits()
        views = [limits.view(ANN)]
        for _ in range(3):
            await limits.take_request(ANN)
        views.append(limits.view(ANN))
        await asyncio.sleep(2.0)
        return [*views, limits.view(ANN), limits.view(ANYONE)]

    expected = [RateLimit("requests", 60, left, reset) for left, reset in ((60, 0.0), (57, 3.0), (59, 1.0))]
    assert run_in_fake_time(job) == [*((limit,) for limit in expected), ()]


async def test_conversations_at_once_are_limited_for_each_key() -> None:
    limits = Limits()
    async with AsyncExitStack() as held:
        await held.enter_async_context(limits.conversation(ANN))
        async with limits.conversation(ANN):
            assert await refusal(limits, ANN, conversation=True) == ("rate_limit_exceeded", "conversations", 5.0)
            await held.enter_async_context(limits.conversation(BOB))
        await held.enter_async_context(limits.conversation(ANN))
    async with limits.conversation(ANN), limits.conversation(ANN):
        assert (await refusal(limits, ANN, conversation=True))[0] == "rate_limit_exceeded"


async def test_a_conversation_that_fails_leaves_its_place() -> None:
    limits = Limits()
    with pytest.raises(ZeroDivisionError):
        async with limits.conversation(BOB):
            raise ZeroDivisionError
    await converse(limits, BOB)


async def test_where_no_key_is_needed_nobody_is_limited() -> None:
    limits = Limits()
    async with AsyncExitStack() as held:
        for _ in range(1000):
            await limits.take_request(ANYONE)
            await held.enter_async_context(limits.conversation(ANYONE))
