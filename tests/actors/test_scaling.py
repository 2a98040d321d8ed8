"""How many replicas are wanted for so much work."""

from typing import Any, cast

import pytest
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from actors.scaling import WORK, by_work


class Context:
    """What Serve tells a policy, as far as ours looks at it."""

    def __init__(self, metrics: dict[str, dict[str, float]] | None, requests: float) -> None:
        self.aggregated_metrics = metrics
        self.total_num_requests = requests
        self.config = AutoscalingConfig(target_ongoing_requests=4)


@pytest.mark.parametrize(
    ("metrics", "requests", "expected"),
    [
        (None, 0, 0),
        ({}, 2, 0.5),
        ({WORK: {"one": 6.0, "other": 4.0}}, 0, 2.5),
        ({WORK: {"one": 6.0}, "another figure": {"one": 100.0}}, 2, 2),
    ],
)
def test_work_of_all_replicas_counts(metrics: Any, requests: float, expected: float) -> None:
    assert by_work(cast(AutoscalingContext, Context(metrics, requests))) == (expected, {})
