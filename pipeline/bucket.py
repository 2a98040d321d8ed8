"""A token bucket: so many requests at once, and so many a minute from then on. `now` goes in, the wait comes out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What is left of a limit, as clients are told."""

    name: str
    limit: int
    remaining: int
    reset_seconds: float
    """Seconds until all of it is there again, if nothing more is asked."""


@dataclass(slots=True)
class Bucket:
    """The requests that one caller may make."""

    per_minute: int
    tokens: float
    """Requests that were left at that time."""
    at: float
    """Seconds of a steady clock."""

    def take(self, now: float) -> float:
        """Takes a request and returns 0, or the seconds until there is one."""
        self.learn(self._left(now), now)
        if self.tokens < 1:
            return self.wait_s()
        self.tokens -= 1
        return 0.0

    def learn(self, tokens: float, now: float) -> None:
        """Somebody who counts for all of us says what is left."""
        self.tokens, self.at = tokens, now

    def wait_s(self) -> float:
        return max(0.0, 1 - self.tokens) * 60 / self.per_minute

    def view(self, now: float) -> RateLimit:
        left = self._left(now)
        return RateLimit("requests", self.per_minute, int(left), round((self.per_minute - left) * 60 / self.per_minute, 3))

    def _left(self, now: float) -> float:
        return min(float(self.per_minute), self.tokens + max(0.0, now - self.at) * self.per_minute / 60)
