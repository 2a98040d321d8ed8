"""Where the shards and the VAD actors run: named Ray actors that outlive whoever started them and come back when they die."""

import ray

from actors.buffer import BufferActor
from actors.crew import Crew
from actors.names import NAMESPACE, actor, shard_names, vad_names
from actors.stages import FarStages
from actors.vad import VADActor
from actors.vad_link import VadLink
from pipeline.config import Config

_FOR_EVER = {"lifetime": "detached", "max_restarts": -1, "namespace": NAMESPACE, "get_if_exists": True}


def start(config: Config) -> None:
    """Starts those that do not run yet, and returns when they are ready."""
    vads = [
        ray.remote(VADActor).options(name=name, num_cpus=config.vad.num_cpus, **_FOR_EVER).remote(config)
        for name in vad_names(config)
    ]
    shards = [
        ray.remote(BufferActor)
        .options(name=name, num_cpus=config.buffer.num_cpus, max_concurrency=1000, **_FOR_EVER)
        .remote(config, FarStages(Crew(), config.budget), VadLink(_from(index, vad_names(config)), actor))
        for index, name in enumerate(shard_names(config))
    ]
    ray.get([actor.status.remote() for actor in [*vads, *shards]])


def _from(index: int, names: list[str]) -> list[str]:
    """All names, in a ring: shards spread over the VAD actors, and over the others when one is gone."""
    first = index % len(names)
    return names[first:] + names[:first]
