"""What the shards and the VAD actors are called, and how any process of the cluster finds them."""

from typing import Any

import ray
from ray.actor import ActorHandle

from pipeline.config import Config

NAMESPACE = "parley"


def shard_names(config: Config) -> list[str]:
    return [f"buffer-{index}" for index in range(config.buffer.replicas)]


def vad_names(config: Config) -> list[str]:
    return [f"vad-{index}" for index in range(config.vad.replicas)]


def actor(name: str) -> ActorHandle[Any]:
    """Raises ValueError while there is none."""
    return ray.get_actor(name, namespace=NAMESPACE)
