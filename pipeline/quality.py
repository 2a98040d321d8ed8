"""How well a turn went, from 0 to 1, out of what was measured anyway: how soon it was answered, and how sure the words were.

An answer within the target is worth 1, one at the ceiling 0.75, and from four times the ceiling on nothing. A recogniser that
says how sure it is of the words scales that; one that does not say leaves it as it is. Nobody listens here: a fast answer that
is wrong scores high, so it is a trend to watch, not a judgement.
"""

from pipeline.config import Budget

_AT_CEILING = 0.75
_WORTHLESS = 4
"""Times the ceiling."""


def score(total_ms: float, confidence: float | None, budget: Budget) -> float:
    return round(_promptness(total_ms, budget) * (1.0 if confidence is None else confidence), 3)


def _promptness(total_ms: float, budget: Budget) -> float:
    if total_ms <= budget.target_ms:
        return 1.0
    if total_ms <= budget.ceiling_ms:
        return 1 - (1 - _AT_CEILING) * (total_ms - budget.target_ms) / (budget.ceiling_ms - budget.target_ms)
    over = (total_ms - budget.ceiling_ms) / ((_WORTHLESS - 1) * budget.ceiling_ms)
    return max(_AT_CEILING * (1 - over), 0.0)
