"""Brings a running server of this machine up to date, in place: its port stays, and nobody is cut off.

New replicas of the gateway and the stages start, with the new configuration and the code that lies here now. When they run, the
old ones take nothing new, and end when their work is done. A conversation keeps the settings that it began with. The shards
and the VAD actors, which hold the conversations, go on as they are, and so do Ray and HAProxy.
"""

import os
import time
from pathlib import Path

from parley import cluster, launcher, providers
from parley.environment import ray_environment, token_file
from parley.rundir import Record
from pipeline import keys
from pipeline.config import Config
from pipeline.errors import ParleyError, ServerError


def deploy(config: Config, record: Record) -> float:
    """Returns the seconds that it took; raises `ParleyError` when the new replicas do not start, and the old ones go on."""
    begun = time.monotonic()
    run_dir = Path(record.run_dir)
    address = cluster.address_file(run_dir)
    if not (record.alive() and address.exists()):
        raise ServerError("not_running", f"the server on port {record.port} was killed, or has not started yet")
    config = at(record, address.read_text(encoding="ascii"), config)
    keys.check(config.keys, record.host)
    providers.chosen(config)
    os.environ.update(ray_environment(config, run_dir))
    if token_file(run_dir).exists():
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token_file(run_dir)))
    try:
        cluster.start_ray(config, run_dir)
        cluster.check_shards(config)
        cluster.deploy(config)
        launcher.wait_healthy(record.url, cluster.START_LIMIT_S)
    except ParleyError:
        raise
    except Exception as error:
        raise ServerError("deploy_failed", cluster.gist(str(error))) from error
    return time.monotonic() - begun


def at(record: Record, cluster_address: str, config: Config) -> Config:
    """Where the server runs and listens does not change."""
    server = config.server.model_copy(update={"host": record.host, "port": record.port})
    ray = config.ray.model_copy(update={"address": cluster_address})
    return config.model_copy(update={"server": server, "ray": ray})
