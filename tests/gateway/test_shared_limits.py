"""Limits that replicas count together, with a real Redis."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.limits import Limits
from gateway.shared_limits import SharedLimits
from pipeline.errors import ClientError, ConfigError
from pipeline.keys import Caller, Keys
from tests.gateway.redis_server import RedisServer

ANN, BOB = Caller("ann", 2, 60), Caller("bob", 1, 60)
PATIENCE_S = 20.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


class Replicas:
    """Gateway replicas that share a Redis; what they ask in vain is asked again at once unless said otherwise."""

    def __init__(self, url: str) -> None:
        self._keys = Keys(redis_url=SecretStr(url), redis_timeout_ms=500)
        self._made: list[Limits] = []

    def one(self, lease_s: float = 30.0, renew_every_s: float = 10.0, ask_again_s: float = 0.0) -> Limits:
        limits = Limits(SharedLimits(self._keys, lease_s, ask_again_s), renew_every_s)
        self._made.append(limits)
        return limits

    async def close(self) -> None:
        for limits in self._made:
            await limits.close()


@pytest.fixture
async def replicas(redis: RedisServer) -> AsyncIterator[Replicas]:
    made = Replicas(redis.url)
    yield made
    await made.close()


async def refused(limits: Limits, caller: Caller, conversation: bool = False) -> bool:
    try:
        if conversation:
            async with limits.conversation(caller):
                return False
        await limits.take_request(caller)
    except ClientError as error:
        return error.code == "rate_limit_exceeded" and error.retry_after_s is not None
    return False


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await wanted():
                return
            await asyncio.sleep(0.01)


async def ends_at_ms(redis: RedisServer, caller: Caller) -> float:
    """When the only lease of a caller ends."""
    async with Redis.from_url(redis.url) as client:
        ((_, end),) = await client.zrange(f"parley:conversations:{caller.name}", 0, -1, withscores=True)
    return end


async def test_requests_are_counted_together(replicas: Replicas) -> None:
    slow = Caller("slow", 1, 3)
    one, other = replicas.one(), replicas.one()
    assert [await refused(limits, slow) for limits in (one, other, one, other, one)] == [False, False, False, True, True]
    assert not await refused(other, ANN)
    (view,) = one.view(slow)
    assert (view.limit, view.remaining) == (3, 0)
    assert 30 < view.reset_seconds <= 60


async def test_many_at_once_get_what_there_is_and_no_more(replicas: Replicas) -> None:
    one, other = replicas.one(), replicas.one()
    few = Caller("few", 5, 20)
    answers = await asyncio.gather(*(refused(limits, few) for limits in (one, other) for _ in range(50)))
    assert answers.count(False) == 20


async def test_conversations_are_counted_together(replicas: Replicas) -> None:
    one, other = replicas.one(), replicas.one()
    async with one.conversation(ANN), other.conversation(ANN):
        assert await refused(one, ANN, conversation=True)
        assert await refused(other, ANN, conversation=True)
        assert not await refused(one, BOB, conversation=True)
    async with other.conversation(ANN), other.conversation(ANN):
        assert await refused(one, ANN, conversation=True)


async def test_a_killed_replica_holds_no_place_for_ever(replicas: Replicas) -> None:
    killed, other = replicas.one(lease_s=1.0, renew_every_s=3600), replicas.one()

    async def free() -> bool:
        return not await refused(other, BOB, conversation=True)

    async with killed.conversation(BOB):
        assert not await free()
        await until(free)


async def test_a_place_is_renewed_while_the_conversation_goes_on(replicas: Replicas, redis: RedisServer) -> None:
    limits = replicas.one(renew_every_s=0.02)
    async with limits.conversation(BOB):
        first = await ends_at_ms(redis, BOB)

        async def renewed() -> bool:
            return await ends_at_ms(redis, BOB) > first + 50

        await until(renewed)


async def test_while_redis_is_away_each_replica_counts_for_itself(
    replicas: Replicas, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, other = replicas.one(), replicas.one()
    async with AsyncExitStack() as held:
        await held.enter_async_context(one.conversation(BOB))
        redis.stop()
        assert await refused(one, BOB, conversation=True)
        for _ in range(5):
            assert not await refused(one, ANN)
        (view,) = one.view(ANN)
        assert view.remaining == 55
        assert not await refused(other, BOB, conversation=True)
    warnings = [record.message for record in caplog.records if record.name == "gateway.shared_limits"]
    assert [text.split(" (")[0] for text in warnings] == ["Redis does not answer"] * 2
    assert str(redis.port) not in caplog.text


async def test_redis_counts_again_when_it_is_back(
    replicas: Replicas, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = replicas.one(renew_every_s=0.02), replicas.one()
    async with one.conversation(BOB):
        redis.stop()
        assert not await refused(other, BOB, conversation=True)
        redis.start()
        # The conversation that goes on is renewed into the Redis that has forgotten it.
        await until(lambda: refused(other, BOB, conversation=True))
    assert caplog.text.count("Redis answers again") == 2


async def test_a_redis_that_hangs_holds_nobody_up(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    keys = Keys(redis_url=SecretStr(redis.url), redis_timeout_ms=50)
    limits = Limits(SharedLimits(keys, ask_again_s=3600.0))
    await limits.take_request(ANN)
    with redis.hanging():
        begun = time.monotonic()
        await asyncio.gather(*(limits.take_request(ANN) for _ in range(40)))
        await limits.take_request(ANN)
        async with limits.conversation(BOB):
            took_s = time.monotonic() - begun
    await limits.close()
    assert 0.05 <= took_s < 1.0
    assert caplog.text.count("Redis does not answer (TimeoutError)") == 1


async def test_an_answer_that_came_too_late_is_not_taken_for_the_next(redis: RedisServer) -> None:
    slow = Caller("slow", 1, 3)
    keys = Keys(redis_url=SecretStr(redis.url), redis_timeout_ms=100)
    limits = Limits(SharedLimits(keys, ask_again_s=0.0))
    assert not await refused(limits, slow)
    with redis.hanging():
        await refused(limits, slow)
    # It was carried out all the same, so one is left of three.
    assert [await refused(limits, slow) for _ in range(2)] == [False, True]
    await limits.close()


def test_an_address_with_an_unknown_option_is_refused_without_being_shown() -> None:
    keys = Keys(redis_url=SecretStr("redis://:hush-hush@localhost:1/0?socket_timeout=soon"))
    with pytest.raises(ConfigError) as caught:
        SharedLimits(keys)
    assert "hush-hush" not in str(caught.value)
