"""The composition root: a configuration becomes the application that Serve runs. Nothing is decided here."""

from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from actors import pool
from actors.asr import ASR
from actors.duty import Replica
from actors.llm import LLM
from actors.scaling import by_work
from actors.tts import TTS
from gateway.app import Gateway
from pipeline.config import Config, Pool, Stage


def build(config: Config) -> serve.Application:
    """Starts the shards and VAD actors if need be, and binds the deployments around them."""
    pool.start(config)
    ingress = _deployment(serve.ingress()(Gateway), "gateway", config.gateway, config.server.patience_s)
    return ingress.bind(config, asr=_stage("asr", ASR, config), llm=_stage("llm", LLM, config), tts=_stage("tts", TTS, config))


def _stage(name: str, stage: type, config: Config) -> serve.Application:
    settings: Stage[Any] = getattr(config, name)
    # Serve does not see what comes over lines.
    return _deployment(Replica, name, settings.pool, settings.timeout_s, AutoscalingPolicy(policy_function=by_work)).bind(
        name, stage, config
    )


def _deployment(
    cls: type,
    name: str,
    pool: Pool,
    drain_s: float,
    policy: AutoscalingPolicy = AutoscalingPolicy(),  # noqa: B008 (constant)
) -> Any:
    return serve.deployment(
        cls,
        name=name,
        max_ongoing_requests=pool.max_ongoing_requests,
        graceful_shutdown_timeout_s=drain_s,
        # A deploy starts the new replicas first, so that nobody is without one.
        max_surge_percent=100,
        # What died must be missed, and started again, within the time that a turn can wait.
        health_check_period_s=1,
        health_check_timeout_s=10,
        ray_actor_options={"num_cpus": pool.num_cpus},
        autoscaling_config=AutoscalingConfig(
            min_replicas=pool.min_replicas,
            max_replicas=pool.max_replicas,
            target_ongoing_requests=pool.target_ongoing_requests,
            look_back_period_s=pool.look_back_s,
            metrics_interval_s=pool.look_back_s / 2,
            upscale_delay_s=pool.upscale_delay_s,
            downscale_delay_s=pool.downscale_delay_s,
            policy=policy,
        ),
    )
