"""Waiting lines: a clock of events, lines with some servers, and what theory says of them.

A line is first come, first served, and has one queue for all of its servers. A real pool with a queue at each replica waits
longer, so what is computed here is the least that one must expect.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

Then = Callable[[], None]


class Events:
    """What happens when; events of the same moment happen in the order in which they were planned."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Then]] = []
        self._order = count()

    def after(self, seconds: float, then: Then) -> None:
        heappush(self._planned, (self.now + seconds, next(self._order), then))

    def run_until(self, end: float) -> None:
        while self._planned and self._planned[0][0] <= end:
            self.now, _, then = heappop(self._planned)
            then()
        self.now = end


@dataclass(slots=True)
class Line:
    """Servers with one queue before them."""

    events: Events
    servers: int
    counts_from: float = 0.0
    """Seconds before which nothing is counted: what begins empty is not yet as it will be."""
    waits: list[float] = field(default_factory=list[float])
    """Seconds that each has waited."""
    busy_s: float = 0.0
    """Seconds of work, of all servers together, of those who were served from `counts_from` on."""
    _taken: int = 0
    _waiting: deque[tuple[float, Then]] = field(default_factory=deque[tuple[float, Then]])

    def enter(self, served: Then) -> None:
        """`served` happens once a server is free, and must lead to `leave`."""
        self._waiting.append((self.events.now, served))
        self._serve()

    def leave(self) -> None:
        self._taken -= 1
        self._serve()

    def hold(self, seconds: float, then: Then) -> None:
        """Occupies a server for a time, once one is free."""

        def served() -> None:
            self.count(seconds)
            self.events.after(seconds, ended)

        def ended() -> None:
            self.leave()
            then()

        self.enter(served)

    def count(self, seconds: float) -> None:
        if self.events.now >= self.counts_from:
            self.busy_s += seconds

    def utilisation(self) -> float:
        span = self.events.now - self.counts_from
        return self.busy_s / (span * self.servers) if span > 0 else 0.0

    def _serve(self) -> None:
        while self._waiting and self._taken < self.servers:
            since, served = self._waiting.popleft()
            self._taken += 1
            if since >= self.counts_from:
                self.waits.append(self.events.now - since)
            served()


def erlang_c(servers: int, load: float) -> float:
    """How likely one must wait at all, when `load` servers would be busy on average; arrivals and services are memoryless."""
    if load >= servers:
        return 1.0
    lost = 1.0
    for number in range(1, servers + 1):
        lost = load * lost / (number + load * lost)
    return lost / (1 - load / servers * (1 - lost))


def wait_quantile(servers: int, load: float, service_s: float, share: float) -> float:
    """Seconds that all but the last `1 - share` wait at most, as theory has it; infinite where the line never ends."""
    if load >= servers:
        return math.inf
    waits = erlang_c(servers, load)
    return max(0.0, math.log(waits / (1 - share)) * service_s / (servers - load)) if waits > 0 else 0.0


def servers_for(load: float, service_s: float, limit_s: float, share: float = 0.95) -> int:
    """The fewest servers with which all but the last `1 - share` wait no longer than `limit_s`."""
    servers = max(1, math.floor(load) + 1)
    while wait_quantile(servers, load, service_s, share) > limit_s:
        servers += 1
    return servers
