"""A replica of a stage says now and then how it stands, to whoever gathers that."""

import asyncio
import os
from collections.abc import Callable

from ray import serve
from ray.serve.exceptions import RayServeException

from actors.loop_lag import LoopLag
from pipeline import figures as of
from pipeline.figures import Figures, Report, Snapshot

_EVERY_S = 2.0


class Reporting:
    def __init__(self, pool: str, figures: Callable[[], Snapshot], send: Callable[[Report], None]) -> None:
        """Works as long as the event loop that it is made in."""
        self._pool = pool
        self._process = process_name(pool)
        self._figures = figures
        self._send = send
        self._loop_lag = LoopLag()
        self._loop_lag.start()
        self._task = asyncio.create_task(self._report_forever())

    async def _report_forever(self) -> None:
        own = Figures()
        while True:
            await asyncio.sleep(_EVERY_S)
            own.put(of.LOOP_LAG, self._loop_lag.ms / 1000)
            self._send(Report(self._pool, self._process, {**self._figures(), **own.snapshot()}))


def process_name(pool: str) -> str:
    """What this replica is called among the processes of the cluster; one that Serve does not run goes by its number."""
    try:
        return f"{pool}-{serve.get_replica_context().replica_id.unique_id}"
    except RayServeException:
        return f"{pool}-{os.getpid()}"
