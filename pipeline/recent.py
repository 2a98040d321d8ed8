"""Figures of the last seconds, and how bad they get.

Of every twenty the worst one does not count, nor does the worst of fewer: what happened once may have been an accident.
"""

from collections import deque

_ACCIDENTS = 20
"""One in so many."""


class Recent:
    def __init__(self, keep_s: float, fewest: int = 1) -> None:
        """Fewer figures than `fewest` tell nothing."""
        self._keep_s = keep_s
        self._fewest = fewest
        self._figures: deque[tuple[float, float, int]] = deque()
        """When, what, and how often."""

    def add(self, figure: float, now: float, times: int = 1) -> None:
        self._figures.append((now, figure, times))
        self._forget(now)

    def p95(self, now: float) -> float:
        """The 95th percentile; 0 while there are too few to tell."""
        self._forget(now)
        count = sum(times for *_, times in self._figures)
        spared = max(count // _ACCIDENTS, 1)
        if count < self._fewest:
            return 0.0
        for figure, times in sorted(((figure, times) for _, figure, times in self._figures), reverse=True):
            spared -= times
            if spared < 0:
                return figure
        return 0.0

    def _forget(self, now: float) -> None:
        while self._figures and self._figures[0][0] <= now - self._keep_s:
            self._figures.popleft()
