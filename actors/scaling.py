"""How many replicas a stage needs: by the requests that they do for shards over lines, which Serve does not see by itself."""

from typing import Any

from ray.serve.config import AutoscalingContext

WORK = "work"
"""What a replica tells Serve: its requests that came over lines."""


def by_work(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """Serve keeps within its bounds and delays by itself."""
    work = sum((context.aggregated_metrics or {}).get(WORK, {}).values())
    assert context.config is not None
    return (work + context.total_num_requests) / context.config.get_target_ongoing_requests(), {}
