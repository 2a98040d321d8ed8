"""What one key may use: requests (a token bucket) and conversations at once.

The counts are this replica's own, unless `keys.redis_url` names a Redis where all replicas count together. While Redis is away
the own counts hold, which go on from what it said last.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.shared_limits import LEASE_S, SharedLimits
from pipeline.bucket import Bucket, RateLimit
from pipeline.errors import ClientError
from pipeline.keys import Caller

_TRY_AGAIN_S = 5.0
"""When a place for a conversation will be free is unknown; sooner than this nobody needs to ask."""


class Limits:
    """The counts of one gateway replica; bounded by the number of keys, and of conversations that they may hold."""

    def __init__(self, shared: SharedLimits | None = None, renew_every_s: float = LEASE_S / 3) -> None:
        self._shared = shared
        self._renew_every_s = renew_every_s
        self._buckets: dict[str, Bucket] = {}
        self._leases: dict[str, set[str]] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def take_request(self, caller: Caller) -> None:
        """Raises `rate_limit_exceeded` when the caller has none left."""
        bucket = self._bucket(caller)
        if bucket is None:
            return
        counted = await self._shared.take_request(caller) if self._shared is not None else None
        if counted is None:
            wait_s = bucket.take(time.monotonic())
        else:
            taken, left = counted
            bucket.learn(left, time.monotonic())
            wait_s = 0.0 if taken else bucket.wait_s()
        if wait_s > 0:
            limit = f"the key '{caller.name}' may send {bucket.per_minute} requests a minute"
            raise ClientError("rate_limit_exceeded", f"{limit}; wait {wait_s:.1f} s", "requests", wait_s)

    @asynccontextmanager
    async def conversation(self, caller: Caller) -> AsyncIterator[None]:
        """A place for one conversation; raises `rate_limit_exceeded` when all of the caller's are taken."""
        if caller.conversations is None:
            yield
            return
        lease = await self._lease(caller, caller.conversations)
        try:
            yield
        finally:
            self._leases[caller.name].discard(lease)
            if self._shared is not None:
                await self._shared.release(caller.name, lease)

    def view(self, caller: Caller) -> tuple[RateLimit, ...]:
        """What is left to a caller, as far as this replica knows; nothing for one without limits."""
        bucket = self._bucket(caller)
        return () if bucket is None else (bucket.view(time.monotonic()),)

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if self._shared is not None:
            await self._shared.close()

    def _bucket(self, caller: Caller) -> Bucket | None:
        per_minute = caller.requests_per_minute
        if per_minute is None:
            return None
        if caller.name not in self._buckets:
            self._buckets[caller.name] = Bucket(per_minute, per_minute, time.monotonic())
        return self._buckets[caller.name]

    async def _lease(self, caller: Caller, most: int) -> str:
        lease = secrets.token_hex(8)
        held = self._leases.setdefault(caller.name, set())
        free = await self._shared.lease(caller, lease) if self._shared is not None else None
        if free is None:
            free = len(held) < most
        if not free:
            problem = f"the key '{caller.name}' may hold {most} conversations at once; end one first"
            raise ClientError("rate_limit_exceeded", problem, "conversations", _TRY_AGAIN_S)
        held.add(lease)
        if self._shared is not None and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_forever(self._shared))
        return lease

    async def _renew_forever(self, shared: SharedLimits) -> None:
        while True:
            await asyncio.sleep(self._renew_every_s)
            for name, leases in list(self._leases.items()):
                if leases:
                    await shared.renew(name, tuple(leases))
