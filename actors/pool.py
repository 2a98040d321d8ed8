"""Where the shards and the VAD actors run: named Ray actors that outlive whoever started them and come back when they die."""

from typing import Any

import ray
from ray.actor import ActorHandle

from actors.buffer import BufferActor
from actors.stages import ServeStages
from actors.vad import VADActor
from pipeline.config import Config

NAMESPACE = "parley"
_FOR_EVER = {"lifetime": "detached", "max_restarts": -1, "namespace": NAMESPACE, "get_if_exists": True}


def shard_names(config: Config) -> list[str]:
    return [f"buffer-{index}" for index in range(config.buffer.replicas)]


def vad_names(config: Config) -> list[str]:
    return [f"vad-{index}" for index in range(config.vad.replicas)]


def start(config: Config) -> None:
    """Starts those that do not run yet, and returns when they are ready."""
    vads = [
        ray.remote(VADActor).options(name=name, num_cpus=config.vad.num_cpus, **_FOR_EVER).remote(config)
        for name in vad_names(config)
    ]
    detectors = [RayDetector(name) for name in vad_names(config)]
    shards = [
        ray.remote(BufferActor)
        .options(name=name, num_cpus=config.buffer.num_cpus, max_concurrency=1000, **_FOR_EVER)
        .remote(config, ServeStages(), detectors[index % len(detectors)])
        for index, name in enumerate(shard_names(config))
    ]
    ray.get([actor.status.remote() for actor in [*vads, *shards]])


def actor(name: str) -> ActorHandle[Any]:
    return ray.get_actor(name, namespace=NAMESPACE)


class RayDetector:
    """A VAD actor by its name, looked up when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._actor: Any = None

    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        if self._actor is None:
            self._actor = actor(self._name)
        return await self._actor.detect.remote(ids, windows, gone)
