"""Bounds and books of replies that are prepared before a turn has surely ended.

At most one at a time, so many in a turn, so many in a minute, and none while the server is under load. What was prepared for
nothing is counted: calls to providers and their seconds.
"""

from collections import deque
from dataclasses import dataclass

from pipeline.config import Speculation as Rules


@dataclass(slots=True)
class Books:
    """What came of the replies that were prepared."""

    started: int = 0
    used: int = 0
    discarded: int = 0
    calls: int = 0
    """Requests to providers, for conversations as a whole."""
    wasted_calls: int = 0
    """Requests to providers whose answers were of no use."""
    wasted_s: float = 0.0
    """Seconds of providers' time that were of no use."""

    def add(self, other: "Books") -> None:
        self.started += other.started
        self.used += other.used
        self.discarded += other.discarded
        self.calls += other.calls
        self.wasted_calls += other.wasted_calls
        self.wasted_s += other.wasted_s


class Allowance:
    """Whether one conversation may prepare another reply."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._turn = -1
        self._in_turn = 0
        self._started_at: deque[float] = deque()

    def take(self, turn: int, now: float) -> bool:
        """Whether it may, which counts as doing it."""
        while self._started_at and now - self._started_at[0] >= 60:
            self._started_at.popleft()
        if turn != self._turn:
            self._turn, self._in_turn = turn, 0
        if self._in_turn >= self._rules.per_turn or len(self._started_at) >= self._rules.per_minute:
            return False
        self._in_turn += 1
        self._started_at.append(now)
        return True
