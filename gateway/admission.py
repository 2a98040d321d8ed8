"""Whether one more conversation may begin: not when those that there are would suffer.

Latency decides, not a count: how long audio waits at the shards until it is judged, which each of them says twice a second, and
how far this replica's own event loop lags. Who is turned away hears when to try again; who is inside stays, and keeps the
quality that they have.
"""

import asyncio
import time

from pipeline.config import Config
from pipeline.errors import ServerError

_LOOK_S = 0.1
_RETRY_S = 5
_BUSY = f"this server has no room for another conversation at the moment; please try again in {_RETRY_S} s"


class Admission:
    def __init__(self, config: Config) -> None:
        self._most_ms = config.server.most_lag_ms
        self._loop_lag_ms = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    def check(self, shard_lags_ms: list[float]) -> None:
        """Raises `server_busy` when there is no room, going by what the shards that can be reached said last."""
        if max(min(shard_lags_ms, default=0.0), self._loop_lag_ms) > self._most_ms:
            raise ServerError("server_busy", _BUSY)

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LOOK_S)
            late_ms = 1000 * (time.monotonic() - began - _LOOK_S)
            self._loop_lag_ms += (late_ms - self._loop_lag_ms) / 8
