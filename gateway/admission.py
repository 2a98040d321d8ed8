"""Whether more work may begin: not when the conversations that there are would suffer.

Lateness decides, not a count. Each shard says twice a second how late it answers (actors.lateness); what this replica's own
event loop lags comes on top, unless nobody is here who could suffer by it. Who is turned away hears when to try again; who is
inside stays, and keeps the quality that they have.

But who has just come is quiet yet, and lateness tells of them only when they have talked. So it also counts by how many callers
the replica has grown in the last seconds, and how much it may depends on how late it is already:

- later than `server.most_lag_ms`: nobody comes in;
- more than half of that: a few, fewer the later it is, so that what each step does is seen before the next one;
- otherwise everybody does, unless so many come at once that nobody can know what they will do to each other.

Files to transcribe and texts to speak have rooms of their own (gateway.audio.places); of these rules the first holds for them.
"""

import time
from collections import deque

from actors.loop_lag import LoopLag
from pipeline.config import Config
from pipeline.errors import ServerError

_LATELY_S = 5.0
"""As long as lateness remembers: what came before that, it tells of."""
_GLANCE_S = 0.1
"""Shortest time between two counts of callers that are kept."""
_AT_ONCE = 110
"""Growth in that time of a replica that is not late."""
_STEP = 0.2
"""Growth of one that is late, as a share of its callers, if nothing were left to the limit; at half of it a tenth is left."""
_RETRY_S = 5
_BUSY = f"this server has no room at the moment; please try again in {_RETRY_S} s"


class Admission:
    """In one gateway replica."""

    def __init__(self, config: Config, loop_lag: LoopLag) -> None:
        """`loop_lag` is that of the replica's own loop."""
        self._most_ms = config.server.most_lag_ms
        self._loop_lag = loop_lag
        self._counts: deque[tuple[float, int]] = deque()
        """How many callers there were lately, and when."""

    def too_late(self, shard_late_ms: float) -> bool:
        """Whether nobody should come to this shard."""
        return shard_late_ms > self._most_ms

    def check(self, shards_late_ms: list[float], callers: int) -> None:
        """Raises `server_busy` when one more caller has no room, by what the shards that can be reached said last."""
        late_ms = self.check_lateness(shards_late_ms, callers)
        before = self._callers_before(callers)
        if callers - before >= self._most_growth(late_ms, before):
            raise _busy()

    def check_lateness(self, shards_late_ms: list[float], callers: int) -> float:
        """How late it is; raises `server_busy` when that is too late for anything more."""
        late_ms = min(shards_late_ms, default=0.0) + (self._loop_lag.ms if callers else 0.0)
        if late_ms > self._most_ms:
            raise _busy()
        return late_ms

    def _callers_before(self, callers: int) -> int:
        now = time.monotonic()
        counts = self._counts
        while counts and counts[0][0] <= now - _LATELY_S:
            counts.popleft()
        if not counts or now - counts[-1][0] >= _GLANCE_S:
            counts.append((now, callers))
        return counts[0][1]

    def _most_growth(self, late_ms: float, before: int) -> int:
        left = 1 - late_ms / self._most_ms
        return _AT_ONCE if left >= 0.5 else max(round(_STEP * left * before), 1)


def _busy() -> ServerError:
    return ServerError("server_busy", _BUSY, retry_after_s=_RETRY_S)
