"""How late an event loop is: what comes to it now waits so long for what came before."""

import asyncio
import time

from pipeline.recent import Recent

_LOOK_S = 0.5
"""Seldom: looking must cost nothing, above all where nobody calls."""
_LATELY_S = 10.0


class LoopLag:
    """Asks to be woken, and sees how late that was. A lag counts when it lasts."""

    def __init__(self) -> None:
        self._late_ms = Recent(_LATELY_S)
        self._due: float | None = None
        """When the next look should be; None before it has started."""

    def start(self) -> None:
        """In the loop that is watched; once is enough, and more do no harm."""
        if self._due is None:
            self._wait(time.monotonic())

    @property
    def ms(self) -> float:
        return self._late_ms.p95(time.monotonic())

    def _wait(self, now: float) -> None:
        self._due = now + _LOOK_S
        asyncio.get_running_loop().call_later(_LOOK_S, self._look, self._due)

    def _look(self, due: float) -> None:
        now = time.monotonic()
        late_s = max(now - due, 0.0)
        # A long stall counts as every look that it has cost.
        self._late_ms.add(1000 * late_s, now, times=1 + int(late_s / _LOOK_S))
        self._wait(now)
