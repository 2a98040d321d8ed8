"""How late a shard answers, as those who decide about newcomers want to know it.

Two things count, each by the 95th percentile of the last seconds: how long windows wait until they are judged, and by how much
turns take longer than their stages, from the window that ended the turn to the reply's first sound. The second tells more, but
only where many talk: a few turns say nothing of the server.
"""

from pipeline.recent import Recent

_LATELY_S = 5.0
_FEWEST_TURNS = 20


class Lateness:
    def __init__(self) -> None:
        self._waits = Recent(_LATELY_S)
        self._turns = Recent(_LATELY_S, _FEWEST_TURNS)
        self._wait_ms = 0.0
        """Of the windows that were judged last."""

    def judged(self, windows: int, wait_ms: float, now: float) -> None:
        if windows:
            self._wait_ms = wait_ms
            self._waits.add(wait_ms, now, windows)

    def answered(self, overhead_ms: float, now: float) -> None:
        """A turn's first sound has left."""
        self._turns.add(self._wait_ms + overhead_ms, now)

    def ms(self, now: float) -> float:
        return max(self._waits.p95(now), self._turns.p95(now))
