"""The quality of a turn falls as its answer is late and its words are doubtful."""

import pytest

from pipeline.config import Budget
from pipeline.quality import score

BUDGET = Budget(target_ms=300, ceiling_ms=500)


@pytest.mark.parametrize(
    ("total_ms", "confidence", "expected"),
    [
        (120, None, 1.0),
        (300, None, 1.0),
        (400, None, 0.875),
        (500, None, 0.75),
        (1_250, None, 0.375),
        (2_000, None, 0.0),
        (9_000, None, 0.0),
        (300, 0.6, 0.6),
        (500, 0.5, 0.375),
        (300, 0.0, 0.0),
    ],
)
def test_score(total_ms: float, confidence: float | None, expected: float) -> None:
    assert expected == score(total_ms, confidence, BUDGET)


def test_a_budget_whose_target_is_its_ceiling() -> None:
    tight = Budget(target_ms=400, ceiling_ms=400)
    assert (score(400, None, tight), score(1_000, None, tight)) == (1.0, 0.375)
