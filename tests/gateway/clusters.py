"""A cluster that a test makes up: its actors stand as they are told to, and count who asks."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from actors.tally import Standing, Tally, Turn
from gateway import gatherer as gatherers
from gateway.gatherer import Gatherer
from gateway.health import HealthWatch
from pipeline.config import Config
from pipeline.errors import Fault
from pipeline.figures import Report
from pipeline.latency import Latency
from pipeline.loading import load_config
from pipeline.notices import Failed, Interrupted, TurnReport
from pipeline.speculation import Books

_EPOCH_S = 1_000_000.0
CONFIG = load_config(None, [], {})


class Actor:
    """The handle of a shard or a VAD actor: `await actor.standing.remote(...)`."""

    def __init__(self, shard: bool) -> None:
        self.shard = shard
        self.tally = Tally(CONFIG)
        self.callers = 0
        self.asked = 0
        self.dead = False
        self.books = Books()
        self.standing = self

    async def remote(self, after: float = 0.0) -> Standing:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.dead:
            raise TimeoutError
        if not self.shard:
            return Standing({"windows": 0}, {})
        status = {
            "conversations": self.callers,
            "opened": self.callers,
            "queued_windows": 0,
            "lag_ms": 0.0,
            "at_stage": {"asr": 0, "llm": 0, "tts": 0},
            "speculation": {"used": 0},
        }
        return self.tally.standing(status, self.books, after)

    def answers(self, total_ms: int = 360, caller: int = 1) -> None:
        endpoint_ms = total_ms - 160
        self.tally.told(caller, TurnReport(1, Latency(endpoint_ms, 20, 100, 30, 10, total_ms), met="ceiling"))

    def fails(self, code: str = "provider_timeout") -> None:
        self.tally.told(1, Failed(code, "too late", Fault.PROVIDER))

    def is_interrupted(self) -> None:
        self.tally.told(1, Interrupted(1, 200, "On"))

    def turns(self) -> list[Turn]:
        return [*self.tally._turns]


class Stage:
    """The handle of a deployment: `await handle.status.remote()`."""

    def __init__(self) -> None:
        self.state = "healthy"
        self.status = self

    async def remote(self) -> list[dict[str, str]]:
        return [{"name": "sim", "state": self.state, "reason": ""}]


class Cluster:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shard, self.vad, self.stage = Actor(shard=True), Actor(shard=False), Stage()
        self.reports: list[Report] = []
        actors = {"buffer-0": self.shard, "vad-0": self.vad}
        monkeypatch.setattr(gatherers.names, "actor", actors.__getitem__)
        # The calendar goes with the clock that jumps.
        monkeypatch.setattr("time.time", lambda: _EPOCH_S + time.monotonic())
        # A thread would be overtaken by a clock that jumps.
        monkeypatch.setattr(asyncio, "to_thread", _at_once)
        monkeypatch.setattr(gatherers, "_replicas", lambda: {"gateway": (1, 1), "asr": (1, 1)})

    def gatherer(self, config: Config = CONFIG) -> Gatherer:
        stages: dict[str, Any] = {"asr": self.stage}
        return Gatherer(config, stages, self._report)

    def watch(self, gatherer: Gatherer) -> HealthWatch:
        return HealthWatch(CONFIG, gatherer)

    def _report(self) -> None:
        for report in self.reports:
            self.shard.tally.report(report)


async def _at_once(function: Callable[[], Any]) -> Any:
    return function()
