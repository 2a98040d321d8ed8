"""What the whole cluster says of itself: gathered in one place, at most once a second, however many look.

Who looks gets what is at most a second old. While nobody does, a look every few seconds keeps the dashboard's history going.
Shards and VAD actors are asked; other processes send their reports to a shard, which hands them on, so any gateway sees all.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve._private.common import ReplicaState
from ray.serve.handle import DeploymentHandle

from actors import names
from actors.stages import APP
from actors.tally import Standing, Turn
from pipeline.config import Config
from pipeline.figures import Report

log = logging.getLogger(__name__)

FRESH_S = 1.0
SELDOM_S = 5.0
"""Between two looks while nobody wants to know."""
_STAGES_S = 6.0
"""Between two looks at the stages: Serve takes its time to tell of them, which costs as much as a caller."""
_PATIENCE_S = 5.0
_WAIT_S = 0.5
"""How long somebody who looks waits for news."""
_TURNS_KEPT = 2_048

Status = dict[str, str]
"""Of a provider: its name, state, and the reason."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The newest of everything."""

    at: float = 0.0
    """In seconds since 1970."""
    shards: dict[str, Standing | None] = field(default_factory=lambda: {})
    """By name; None for one that does not answer."""
    vads: dict[str, Standing | None] = field(default_factory=lambda: {})
    providers: dict[str, list[Status]] = field(default_factory=lambda: {})
    """Of each stage."""
    replicas: dict[str, tuple[int, int]] = field(default_factory=lambda: {})
    """Of each deployment: wanted, and running."""
    turns: tuple[Turn, ...] = ()
    """Those that were answered since the look before."""

    def reports(self) -> list[Report]:
        """The figures of every process; one that two shards have heard of is there once."""
        found: dict[str, Report] = {}
        for kind, actors in (("buffer", self.shards), ("vad", self.vads)):
            for name, standing in actors.items():
                if standing is not None:
                    found[name] = Report(kind, name, standing.figures)
                    found.update({report.process: report for report in standing.others})
        return list(found.values())


class Gatherer:
    def __init__(self, config: Config, stages: dict[str, DeploymentHandle[Any]], report: Callable[[], None]) -> None:
        """`report` is called before each look, to tell a shard how this process stands."""
        self._config = config
        self._handles = stages
        self._report = report
        self._actors: dict[str, Any] = {}
        self._providers: dict[str, list[Status]] = {stage: [] for stage in stages}
        self._replicas: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, float] = {}
        """When the newest turn that was seen of each shard was answered."""
        self._followers: list[Callable[[Gathered], None]] = []
        self._looking = 0
        """How many look the whole time."""
        self._looked_at = self._stages_at = float("-inf")
        self._at_stages: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._news = asyncio.Condition()
        self.gathered = Gathered(providers=self._providers)
        self.turns: deque[Turn] = deque(maxlen=_TURNS_KEPT)
        """The last that were answered."""
        self._task = asyncio.create_task(self._gather_forever())

    async def newest(self) -> Gathered:
        """What is at most a second old, unless the cluster takes long to answer."""
        if time.monotonic() - self._looked_at > FRESH_S:
            self._wanted.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(_WAIT_S), self._news:
                    await self._news.wait()
        return self.gathered

    def follow(self, take: Callable[[Gathered], None]) -> None:
        """Gives everything that is gathered from now on, whoever it was gathered for."""
        self._followers.append(take)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody looks the whole time."""
        self._looking += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._looking -= 1

    async def _gather_forever(self) -> None:
        while True:
            try:
                await self._gather()
            except Exception as error:
                log.warning("the cluster was not seen whole (%s)", type(error).__name__)
            # Who asked meanwhile has been answered.
            self._wanted.clear()
            await asyncio.sleep(FRESH_S)
            if not self._looking:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SELDOM_S - FRESH_S):
                        await self._wanted.wait()

    async def _gather(self) -> None:
        self._report()
        self._look_at_stages()
        shards, vads = names.shard_names(self._config), names.vad_names(self._config)
        asked = [self._ask(name, self._seen.get(name, 0.0)) for name in shards]
        standings = await asyncio.gather(*asked, *map(self._ask, vads))
        found = dict(zip(shards, standings, strict=False))
        told = [turn for standing in found.values() if standing is not None for turn in standing.turns]
        turns = sorted(told, key=lambda turn: turn.at)
        for name, standing in found.items():
            if standing is not None and standing.turns:
                self._seen[name] = standing.turns[-1].at
        others = dict(zip(vads, standings[len(shards) :], strict=True))
        self.turns.extend(turns)
        self.gathered = Gathered(time.time(), found, others, self._providers, self._replicas, tuple(turns))
        self._looked_at = time.monotonic()
        for take in self._followers:
            take(self.gathered)
        async with self._news:
            self._news.notify_all()

    async def _ask(self, name: str, *arguments: float) -> Standing | None:
        try:
            if name not in self._actors:
                self._actors[name] = names.actor(name)
            async with asyncio.timeout(_PATIENCE_S):
                return await self._actors[name].standing.remote(*arguments)
        except (RayError, ValueError, TimeoutError):
            return None

    # Serve is slow, and slowest when something is wrong: nobody waits for it

    def _look_at_stages(self) -> None:
        now = time.monotonic()
        if now - self._stages_at >= _STAGES_S and (self._at_stages is None or self._at_stages.done()):
            self._stages_at = now
            self._at_stages = asyncio.create_task(self._ask_stages())

    async def _ask_stages(self) -> None:
        try:
            self._replicas = await asyncio.to_thread(_replicas)
            for stage, handle in self._handles.items():
                async with asyncio.timeout(_PATIENCE_S):
                    self._providers = {**self._providers, stage: await handle.status.remote()}
        except Exception as error:
            log.warning("the stages were not seen (%s)", type(error).__name__)


def _replicas() -> dict[str, tuple[int, int]]:
    """Wanted and running replicas of each deployment."""
    deployments = serve.status().applications[APP].deployments
    return {name: _wanted_and_running(state.replica_states) for name, state in deployments.items()}


def _wanted_and_running(states: dict[ReplicaState, int]) -> tuple[int, int]:
    """Without those that only finish their work."""
    return sum(states.values()) - states.get(ReplicaState.STOPPING, 0), states.get(ReplicaState.RUNNING, 0)
