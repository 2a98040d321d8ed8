"""Where the shards and the VAD actors run: named Ray actors that outlive whoever started them and come back when they die."""

import asyncio
from typing import Any

import ray
from ray.actor import ActorHandle

from actors.buffer import BufferActor
from actors.line import Line, dial
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
        self._line: Line | None = None
        self._number = 0
        self._answer: asyncio.Future[bytes] | None = None

    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        line = self._line
        if line is None or not line.open:
            where: Any = actor(self._name)
            line = self._line = await dial(await where.address.remote(), self._take, self._lost)
        self._number += 1
        answer = self._answer = asyncio.get_running_loop().create_future()
        line.send((self._number, ids, windows, gone))
        return await answer

    def _take(self, _: Line, message: tuple[int, bytes]) -> None:
        number, probabilities = message
        if number == self._number and self._answer is not None and not self._answer.done():
            self._answer.set_result(probabilities)

    def _lost(self, _: Line) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("voice activity detection is gone"))
