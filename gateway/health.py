"""What `/health` answers, out of what was gathered of the cluster."""

import math
import time
from importlib.metadata import version
from typing import Any

from actors.tally import Standing
from gateway.gatherer import Gathered, Gatherer
from pipeline import figures as of
from pipeline.config import Config

_ANSWERS = ("healthy", "probing")


class HealthWatch:
    """Draws the picture of the whole cluster."""

    def __init__(self, config: Config, gatherer: Gatherer) -> None:
        self._config = config
        self._gatherer = gatherer
        self._least = _least(config)
        self._started_at = time.time()

    def answering(self) -> dict[str, str]:
        """The provider of each stage that answers now."""
        first = {
            stage: next((provider["name"] for provider in providers if provider["state"] in _ANSWERS), "")
            for stage, providers in self._gatherer.gathered.providers.items()
        }
        return {stage: name for stage, name in first.items() if name}

    async def look(self) -> dict[str, Any]:
        """The picture as it is now."""
        await self._gatherer.newest()
        return self.picture()

    def picture(self) -> dict[str, Any]:
        """The picture as it was seen last."""
        shards = _statuses(self._gatherer.gathered.shards)
        providers = self._gatherer.gathered.providers
        stages = self._stages()
        whole = all(stage["alive"] >= self._least[name] for name, stage in stages.items())
        latencies = sorted(turn.total_ms for turn in self._gatherer.turns)
        qualities = [turn.quality for turn in self._gatherer.turns]
        return {
            "status": "healthy" if whole and all(providers.values()) else "degraded",
            "version": version("parley"),
            "uptime_s": round(time.time() - self._started_at, 1),
            "performance": {
                "averageLatency": round(sum(latencies) / len(latencies)) if latencies else None,
                "p95Latency": latencies[math.ceil(0.95 * len(latencies)) - 1] if latencies else None,
                "cacheHitRate": None,
                "qualityScore": round(sum(qualities) / len(qualities), 3) if qualities else None,
            },
            "sessions": {
                "active": sum(shard["conversations"] for shard in shards),
                "total": sum(shard["opened"] for shard in shards),
            },
            "speculation": _sum([shard["speculation"] for shard in shards]),
            "providers": providers,
            "stages": stages,
        }

    def _stages(self) -> dict[str, dict[str, Any]]:
        """What waits: windows for VAD, requests for the stages, callers for the shards and the gateway that hold them."""
        gathered = self._gatherer.gathered
        shards = _statuses(gathered.shards)
        callers = sum(shard["conversations"] for shard in shards)
        depths = {"buffer": callers, "gateway": callers, "vad": sum(shard["queued_windows"] for shard in shards)}
        pools = {
            "buffer": (self._config.buffer.replicas, len(shards)),
            "vad": (self._config.vad.replicas, len(_statuses(gathered.vads))),
            **gathered.replicas,
        }
        lags = _loop_lags_ms(gathered)
        return {
            name: {
                "replicas": wanted,
                "alive": alive,
                "queue_depth": depths[name] if name in depths else sum(shard["at_stage"][name] for shard in shards),
                "loop_lag_ms": lags.get(name),
            }
            for name, (wanted, alive) in pools.items()
        }


def _least(config: Config) -> dict[str, int]:
    """How many of each part there must be; that others come or go besides is no fault."""
    pools = {"gateway": config.gateway, "asr": config.asr.pool, "llm": config.llm.pool, "tts": config.tts.pool}
    least = {name: pool.min_replicas for name, pool in pools.items()}
    return {"buffer": config.buffer.replicas, "vad": config.vad.replicas, **least}


def _statuses(standings: dict[str, Standing | None]) -> list[dict[str, Any]]:
    return [standing.status for standing in standings.values() if standing is not None]


def _sum(books: list[dict[str, float]]) -> dict[str, float]:
    """What came of the replies that were prepared ahead, in all shards."""
    return {key: round(sum(book[key] for book in books), 2) for key in (books[0] if books else {})}


def _loop_lags_ms(gathered: Gathered) -> dict[str, float]:
    """The longest of each pool that tells any."""
    lags: dict[str, float] = {}
    for report in gathered.reports():
        for lag_s in of.values(report.figures, of.LOOP_LAG).values():
            lags[report.pool] = max(lags.get(report.pool, 0.0), round(1000 * lag_s, 1))
    return lags
