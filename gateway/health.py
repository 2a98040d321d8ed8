"""What `/health` answers: gathered in the background every few seconds, so that asking costs nothing under load."""

import asyncio
import logging
import math
import time
from importlib.metadata import version
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve._private.common import ReplicaState
from ray.serve.handle import DeploymentHandle

from actors import pool
from actors.stages import APP
from pipeline.config import Config

log = logging.getLogger(__name__)

_EVERY_S = 2.0
_SELDOM = 3
"""Of so many looks one is at the stages too: Serve takes its time to tell of them, which costs as much as a caller."""
_PATIENCE_S = 5.0
_ANSWERS = ("healthy", "probing")


class HealthWatch:
    """Keeps the newest picture of the whole cluster."""

    def __init__(self, config: Config, stages: dict[str, DeploymentHandle[Any]]) -> None:
        self._config = config
        self._handles = stages
        self._started_at = time.time()
        self._actors: dict[str, Any] = {}
        self._shards: list[dict[str, Any] | None] = []
        self._vads: list[dict[str, Any] | None] = []
        self._providers: dict[str, list[dict[str, str]]] = {stage: [] for stage in stages}
        self._replicas: dict[str, tuple[int, int]] = {}
        self._looks = 0
        self._task = asyncio.create_task(self._watch_forever())

    def answering(self) -> dict[str, str]:
        """The provider of each stage that answers now."""
        first = {
            stage: next((provider["name"] for provider in providers if provider["state"] in _ANSWERS), "")
            for stage, providers in self._providers.items()
        }
        return {stage: name for stage, name in first.items() if name}

    def picture(self) -> dict[str, Any]:
        shards = [shard for shard in self._shards if shard is not None]
        stages = self._stages()
        whole = all(stage["alive"] == stage["replicas"] > 0 for stage in stages.values())
        latencies = sorted(latency for shard in shards for latency in shard["latencies_ms"])
        return {
            "status": "healthy" if whole and all(self._providers.values()) else "degraded",
            "version": version("parley"),
            "uptime_s": round(time.time() - self._started_at, 1),
            "performance": {
                "averageLatency": round(sum(latencies) / len(latencies)) if latencies else None,
                "p95Latency": latencies[math.ceil(0.95 * len(latencies)) - 1] if latencies else None,
                "cacheHitRate": None,
                "qualityScore": None,
            },
            "sessions": {
                "active": sum(shard["conversations"] for shard in shards),
                "total": sum(shard["opened"] for shard in shards),
            },
            "speculation": _sum([shard["speculation"] for shard in shards]),
            "providers": self._providers,
            "stages": stages,
        }

    def _stages(self) -> dict[str, dict[str, int]]:
        """What waits: windows for VAD, requests for the stages, callers for the shards and the gateway that hold them."""
        shards = [shard for shard in self._shards if shard is not None]
        callers = sum(shard["conversations"] for shard in shards)
        pools = {
            "buffer": _pool(self._config.buffer.replicas, self._shards, callers),
            "vad": _pool(self._config.vad.replicas, self._vads, sum(shard["queued_windows"] for shard in shards)),
        }
        for name, (wanted, running) in self._replicas.items():
            depth = callers if name == "gateway" else sum(shard["at_stage"][name] for shard in shards)
            pools[name] = {"replicas": wanted, "alive": running, "queue_depth": depth}
        return pools

    async def _watch_forever(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:
                log.warning("health: %s", type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> None:
        self._shards = list(await asyncio.gather(*(self._ask(name) for name in pool.shard_names(self._config))))
        self._vads = list(await asyncio.gather(*(self._ask(name) for name in pool.vad_names(self._config))))
        self._looks += 1
        if self._looks % _SELDOM != 1:
            return
        for stage, handle in self._handles.items():
            async with asyncio.timeout(_PATIENCE_S):
                self._providers[stage] = await handle.status.remote()
        self._replicas = await asyncio.to_thread(_replicas)

    async def _ask(self, name: str) -> dict[str, Any] | None:
        try:
            if name not in self._actors:
                self._actors[name] = pool.actor(name)
            async with asyncio.timeout(_PATIENCE_S):
                return await self._actors[name].status.remote()
        except (RayError, ValueError, TimeoutError):
            return None


def _sum(books: list[dict[str, float]]) -> dict[str, float]:
    """What came of the replies that were prepared ahead, in all shards."""
    return {key: round(sum(book[key] for book in books), 2) for key in (books[0] if books else {})}


def _pool(wanted: int, statuses: list[dict[str, Any] | None], queue_depth: int) -> dict[str, int]:
    return {"replicas": wanted, "alive": sum(status is not None for status in statuses), "queue_depth": queue_depth}


def _replicas() -> dict[str, tuple[int, int]]:
    """Wanted and running replicas of each deployment."""
    deployments = serve.status().applications[APP].deployments
    return {
        name: (sum(state.replica_states.values()), state.replica_states.get(ReplicaState.RUNNING, 0))
        for name, state in deployments.items()
    }
