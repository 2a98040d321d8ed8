"""A replica of a stage, as Serve runs it, and its duty: it calls in at every shard, and does what they ask over these lines.

A Serve call and its answer take milliseconds of CPU, and a turn asks three stages; a line takes a tenth of that, and tells at
once when an end is gone. Serve starts, counts and ends the replicas, and carries the requests that are rare.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from actors.crew import Asked, Ended, FromShard, Item, Joined, Leaving
from actors.line import Address, Line, dial
from actors.names import actor, shard_names
from actors.reporting import Reporting
from actors.scaling import WORK
from actors.stages import as_parley_error
from pipeline.config import Config
from pipeline.figures import Report

log = logging.getLogger(__name__)

_AGAIN_S = 0.2
"""Between two attempts to reach a shard."""
_ADDRESS_S = 2.0
"""How long Ray may take to say where a shard is called."""

Answering = Callable[[str, tuple[Any, ...]], AsyncGenerator[Any, None]]
"""What a stage makes of a request, piece by piece."""


class Duty:
    def __init__(self, stage: str, answer: Answering, most: int) -> None:
        """At most so many requests are under way at once; more wait."""
        self._stage = stage
        self._answer = answer
        self._places = asyncio.Semaphore(most)
        self._tasks: dict[tuple[Line, int], asyncio.Task[None]] = {}
        self._lines: dict[Line, asyncio.Event] = {}
        """What to set when a line is lost."""
        self._calling: list[asyncio.Task[None]] = []
        self.ended = False

    def begin(self, shards: Sequence[Callable[[], Awaitable[Address]]]) -> None:
        """Each of the shards says where it is called."""
        self._calling = [asyncio.create_task(self._call_in(shard)) for shard in shards]

    @property
    def work(self) -> int:
        """Requests that are under way, or wait."""
        return len(self._tasks)

    def report(self, report: Report) -> None:
        """Tells a shard how this replica stands; any will do."""
        line = next((line for line in self._lines if line.open), None)
        if line is not None:
            line.send(report)

    async def end(self) -> None:
        """Takes no more requests, and returns when those that there are have been answered."""
        self.ended = True
        for calling in self._calling:
            calling.cancel()
        for line in self._lines:
            line.send(Leaving())
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _call_in(self, shard: Callable[[], Awaitable[Address]]) -> None:
        while True:
            try:
                async with asyncio.timeout(_ADDRESS_S):
                    line = await dial(await shard(), self._take, self._lost)
            except Exception as error:
                log.info("a shard cannot be reached yet (%s)", type(error).__name__)
                await asyncio.sleep(_AGAIN_S)
                continue
            lost = self._lines[line] = asyncio.Event()
            if line.open:
                line.send(Joined(self._stage))
                await lost.wait()
            del self._lines[line]

    def _take(self, line: Line, message: FromShard) -> None:
        key = (line, message.number)
        if not isinstance(message, Asked):
            task = self._tasks.get(key)
            if task is not None:
                task.cancel()
            return
        self._tasks[key] = asyncio.create_task(self._do(line, message))
        self._tasks[key].add_done_callback(lambda _: self._tasks.pop(key, None))

    def _lost(self, line: Line) -> None:
        """Whoever asked has gone, or asks somebody else by now."""
        for (asker, _), task in self._tasks.items():
            if asker is line:
                task.cancel()
        if line in self._lines:
            self._lines[line].set()

    async def _do(self, line: Line, asked: Asked) -> None:
        error: Exception | None = None
        try:
            async with self._places, aclosing(self._answer(asked.what, asked.arguments)) as pieces:
                async for piece in pieces:
                    line.send(Item(asked.number, piece))
        except Exception as failure:
            error = as_parley_error(failure)
        line.send(Ended(asked.number, error))


class Replica:
    """One replica of a stage: for shards by lines, for anybody else by Serve."""

    async def __init__(self, name: str, stage: type, config: Config) -> None:
        self._stage = stage(config)
        self._duty = Duty(name, self._answer, getattr(config, name).pool.max_ongoing_requests)
        self._duty.begin([lambda shard=shard: actor(shard).crew.remote() for shard in shard_names(config)])
        self._reporting = Reporting(name, self._stage.figures, self._duty.report)

    async def answer(self, what: str, *arguments: Any) -> AsyncGenerator[Any, None]:
        async with aclosing(self._answer(what, arguments)) as pieces:
            async for piece in pieces:
                yield piece

    async def _answer(self, what: str, arguments: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Of what comes in pieces these, of anything else the whole."""
        answer = getattr(self._stage, what)(*arguments)
        if inspect.isasyncgen(answer):
            async with aclosing(answer):
                async for piece in answer:
                    yield piece
        else:
            yield await answer

    def status(self) -> list[dict[str, str]]:
        return self._stage.status()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks for it, to know how many replicas are needed."""
        return {WORK: self._duty.work}

    def __del__(self) -> Coroutine[Any, Any, None] | None:
        """Serve calls it at the end of a drain, and awaits what it gives; Python may call it once more."""
        return None if self._duty.ended else self._duty.end()
