"""`cluster.yaml` is what `ray up` takes, and says the same as the code and its configuration where both say something."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from parley.cluster import DRAIN_S
from parley.environment import node_environment
from pipeline import keys
from pipeline.config import Config
from pipeline.loading import load_config

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
CLUSTER: dict[str, Any] = yaml.safe_load(TEXT)
HOME = "/home/ubuntu/parley"
REDIS = 6379


def command(node: str, part: str) -> str:
    """The one command of a node's start in which this is said."""
    (found,) = [line for line in CLUSTER[f"{node}_start_ray_commands"] if part in line]
    return found


def option(line: str, name: str) -> str:
    (found,) = re.findall(rf"--{name}[= ](\S+)", line)
    return found


def config_of_the_head() -> Config:
    serve = command("head", "parley serve")
    return load_config(ROOT / option(serve, "config"), [option(serve, "set")], {})


def reservations(config: Config, *, largest: bool) -> list[float]:
    """The cores that each replica and actor reserves when the pools are at their largest, or at their smallest."""
    pools = [config.gateway, config.asr.pool, config.llm.pool, config.tts.pool]
    shards = [kind.num_cpus for kind in (config.buffer, config.vad) for _ in range(kind.replicas)]
    replicas = [pool.num_cpus for pool in pools for _ in range(pool.max_replicas if largest else pool.min_replicas)]
    return shards + replicas


def nodes_needed(wanted: list[float], cores: float) -> int:
    """Each goes to the first node with room for it, the largest ones first."""
    nodes: list[float] = []
    for cpus in sorted(wanted, reverse=True):
        place = next((place for place, used in enumerate(nodes) if used + cpus <= cores), None)
        if place is None:
            nodes.append(cpus)
        else:
            nodes[place] += cpus
    return len(nodes)


def test_ray_takes_it() -> None:
    validate_config(CLUSTER)
    prepared = prepare_config(CLUSTER)
    assert set(prepared["available_node_types"]) == {"head", "worker"}
    assert prepared["head_node_type"] == "head"


def test_a_wrong_key_would_be_refused() -> None:
    with pytest.raises(Exception, match="max_wrkers"):
        validate_config({**CLUSTER, "max_wrkers": 4})


@pytest.mark.parametrize("node", ["head", "worker"])
def test_every_node_has_the_environment_that_the_launcher_sets(node: str) -> None:
    before = command(node, "ray start").partition(HOME)[0]

    variables = dict(word.split("=") for word in before.split())
    assert variables == {"RAY_AUTH_MODE": "token"} | node_environment(config_of_the_head())


def test_the_server_knows_the_token_that_the_nodes_have() -> None:
    assert "RAY_AUTH_MODE=token " in command("head", "parley serve")
    assert CLUSTER["file_mounts"]["/home/ubuntu/.ray/auth_token"] == "~/.ray/auth_token"


def test_whoever_joins_dials_the_port_that_ray_has() -> None:
    port = option(command("head", "ray start"), "port")

    assert port != str(REDIS)
    assert config_of_the_head().ray.address == "auto"
    assert option(command("worker", "ray start"), "address") == f"$RAY_HEAD_IP:{port}"


def test_the_nodes_keep_one_port_for_objects() -> None:
    head, worker = (option(command(node, "ray start"), "object-manager-port") for node in ("head", "worker"))

    assert head == worker


def test_the_tunnel_leads_to_the_server() -> None:
    (port,) = re.findall(r"ray attach cluster.yaml -p (\d+)", TEXT)

    assert int(port) == config_of_the_head().server.port


def test_replicas_listen_where_the_proxies_of_other_nodes_reach_them() -> None:
    config = config_of_the_head()

    assert config.server.host == "0.0.0.0"
    assert keys.needed(config.keys, config.server.host)


def test_all_code_is_where_the_commands_look_for_it() -> None:
    assert CLUSTER["file_mounts"][HOME] == "."
    assert all(HOME in line for node in ("head", "worker") for line in CLUSTER[f"{node}_start_ray_commands"])


def test_the_smallest_pools_fit_on_the_head_and_the_largest_on_all_nodes() -> None:
    types = CLUSTER["available_node_types"]
    config, cores = config_of_the_head(), types["head"]["resources"]["CPU"]

    assert types["worker"]["resources"]["CPU"] == cores
    assert types["worker"]["max_workers"] == CLUSTER["max_workers"]
    assert nodes_needed(reservations(config, largest=False), cores) == 1
    assert nodes_needed(reservations(config, largest=True), cores) in range(2, CLUSTER["max_workers"] + 2)


def test_a_node_outlasts_the_steps_of_a_pool_that_shrinks() -> None:
    config = config_of_the_head()
    pools = [config.gateway, config.asr.pool, config.llm.pool, config.tts.pool]

    longest_s = max(DRAIN_S, *(pool.downscale_delay_s for pool in pools))
    assert CLUSTER["idle_timeout_minutes"] * 60 > longest_s
