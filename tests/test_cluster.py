"""`cluster.yaml` is what `ray up` takes, and says the same as the code where both say something."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from parley.environment import DEREGISTER_S, MARGIN_S
from pipeline.config import Config

CLUSTER: dict[str, Any] = yaml.safe_load((Path(__file__).parent.parent / "cluster.yaml").read_text(encoding="utf-8"))


def test_ray_takes_it() -> None:
    validate_config(CLUSTER)
    prepared = prepare_config(CLUSTER)
    assert set(prepared["available_node_types"]) == {"head", "worker"}
    assert prepared["head_node_type"] == "head"


def test_a_wrong_key_would_be_refused() -> None:
    with pytest.raises(Exception, match="max_wrkers"):
        validate_config({**CLUSTER, "max_wrkers": 4})


@pytest.mark.parametrize("node", ["head", "worker"])
def test_every_node_starts_ray_in_the_mode_that_the_launcher_uses(node: str) -> None:
    start = next(command for command in CLUSTER[f"{node}_start_ray_commands"] if "ray start" in command)
    variables = dict(re.findall(r"(RAY_\w+)=(\S+)", start))
    server = Config().server
    longest = str(server.longest_conversation_s + MARGIN_S)
    variables.pop("RAY_HEAD_IP", None)
    assert variables == {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_worker_niceness": "0",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(DEREGISTER_S),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": str(server.patience_s + MARGIN_S),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": longest,
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": longest,
    }
