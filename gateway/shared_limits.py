"""Limits that all gateway replicas count together, in Redis.

Each question takes one short script and `redis_timeout_ms` at most; None is the answer while Redis is away, which is logged
once, and it is asked again every few seconds. Conversations are leases: a gateway that is killed renews them no more, and
their places are free half a minute later.
"""

import asyncio
import logging
import time
from collections.abc import Collection
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.errors import ConfigError
from pipeline.keys import Caller, Keys

log = logging.getLogger(__name__)

LEASE_S = 30.0
_ASK_AGAIN_S = 2.0
_CONNECTIONS = 8

_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most = tonumber(ARGV[1])
local saved = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local idle = math.max(0, now - (tonumber(saved[2]) or now))
local tokens = math.min(most, (tonumber(saved[1]) or most) + idle * most / 60)
local taken = 0
if tokens >= 1 then
  taken = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 61)
return {taken, string.format('%.6f', tokens)}
"""
_LEASE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
_RENEW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
_RELEASE = "redis.call('ZREM', KEYS[1], ARGV[1])"


class SharedLimits:
    """What Redis counts; made without a connection, which comes with the first question."""

    def __init__(self, keys: Keys, lease_s: float = LEASE_S, ask_again_s: float = _ASK_AGAIN_S) -> None:
        self._timeout_s = keys.redis_timeout_ms / 1000
        self._lease_ms = round(lease_s * 1000)
        self._ask_again_s = ask_again_s
        self._away = False
        self._ask_at = 0.0
        self._questions: set[asyncio.Task[Any]] = set()
        try:
            pool = BlockingConnectionPool.from_url(
                keys.redis_url.get_secret_value(),
                max_connections=_CONNECTIONS,
                retry=Retry(NoBackoff(), 0),
                timeout=self._timeout_s,
                socket_timeout=self._timeout_s,
                socket_connect_timeout=self._timeout_s,
            )
        except ValueError:
            raise ConfigError("config_invalid", "keys.redis_url has an option that Redis's client does not know") from None
        self._redis: Redis = Redis(connection_pool=pool)
        self._take, self._lease, self._renew, self._release = map(
            self._redis.register_script, (_TAKE, _LEASE, _RENEW, _RELEASE)
        )

    async def take_request(self, caller: Caller) -> tuple[bool, float] | None:
        """Whether the request may go on, and how many are left."""
        answer = await self._ask(self._take, f"parley:requests:{caller.name}", caller.requests_per_minute)
        return None if answer is None else (bool(answer[0]), float(answer[1]))

    async def lease(self, caller: Caller, lease: str) -> bool | None:
        """Whether there is a place for one more conversation; it is taken under the name of the lease."""
        answer = await self._ask(self._lease, _places(caller.name), self._lease_ms, caller.conversations, lease)
        return None if answer is None else bool(answer)

    async def renew(self, name: str, leases: Collection[str]) -> None:
        """Leases that Redis has forgotten are there again."""
        await self._ask(self._renew, _places(name), self._lease_ms, *leases)

    async def release(self, name: str, lease: str) -> None:
        await self._ask(self._release, _places(name), lease)

    async def close(self) -> None:
        for question in self._questions:
            question.cancel()
        await asyncio.gather(*self._questions, return_exceptions=True)
        await self._redis.aclose()

    async def _ask(self, script: Any, key: str, *arguments: Any) -> Any:
        now = time.monotonic()
        if now < self._ask_at:
            return None
        if self._away:
            # One question finds out; the others do not wait for it.
            self._ask_at = now + self._ask_again_s
        question = asyncio.create_task(self._put(script, key, arguments))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)
        # A task of its own, which is left behind: Redis's client may take long to notice that it is cancelled.
        await asyncio.wait([question], timeout=self._timeout_s)
        if not question.done():
            question.cancel()
            self._lost(TimeoutError())
            return None
        answer = question.result()
        if isinstance(answer, Exception):
            self._lost(answer)
            return None
        self._found()
        return answer

    async def _put(self, script: Any, key: str, arguments: tuple[Any, ...]) -> Any:
        """What Redis answers, or why it does not."""
        try:
            return await script(keys=[key], args=arguments) or 0
        except (RedisError, OSError) as error:
            return error

    def _lost(self, error: Exception) -> None:
        self._ask_at = time.monotonic() + self._ask_again_s
        if not self._away:
            # Only its kind: the text may hold the address, and that the password.
            log.warning("Redis does not answer (%s); until it does, each gateway counts for itself", type(error).__name__)
        self._away = True

    def _found(self) -> None:
        self._ask_at = 0.0
        if self._away:
            log.warning("Redis answers again; all gateways count together")
        self._away = False


def _places(name: str) -> str:
    return f"parley:conversations:{name}"
