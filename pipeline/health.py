"""When a provider that keeps failing is left alone, and when it is tried again (a circuit breaker)."""

from enum import StrEnum


class Condition(StrEnum):
    HEALTHY = "healthy"
    RESTING = "resting"
    PROBING = "probing"


class Breaker:
    """Opens after some failures in a row; after a while it lets one request through to see."""

    def __init__(self, break_after: int, probe_after_s: float) -> None:
        self._break_after = break_after
        self._probe_after_s = probe_after_s
        self._failures = 0
        self._rest_until = 0.0
        self.condition = Condition.HEALTHY
        self.reason = ""

    def allows(self, now: float) -> bool:
        """Whether a request may go there; the first one after the rest is the probe, and others wait for it."""
        if self.condition is Condition.HEALTHY:
            return True
        if now < self._rest_until:
            return False
        self.condition = Condition.PROBING
        # A probe that never comes back must not shut the provider out for good.
        self._rest_until = now + self._probe_after_s
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self.condition = Condition.HEALTHY
        self.reason = ""

    def failed(self, reason: str, now: float) -> None:
        self._failures += 1
        self.reason = reason
        if self._failures >= self._break_after or self.condition is Condition.PROBING:
            self.condition = Condition.RESTING
            self._rest_until = now + self._probe_after_s
