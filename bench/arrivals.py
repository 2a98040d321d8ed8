"""One measurement: callers come one after another, more than a server can hold, and talk on. Do they keep their quality?

Who is turned away waits as long as the server says and knocks again, a few times; who is inside asks a question every six
seconds until the end, the first one up to six seconds after coming in. Overhead is told by slices of time, each with the
questions that were asked in it. The callers' own lateness and what they take of the processors are told too: they run beside
the server, and from a certain number on there is no time left for both.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from bench.caller import Answer, Caller, Refused, connect
from bench.measure import (
    HELD_P95_MS,
    HELD_SHARE,
    LATE_LIMIT_MS,
    PHASES,
    TURN_S,
    Turn,
    answered_once,
    beats,
    overheads,
    percentiles,
)
from bench.wires import FRAME_S, WIRES

COMERS = 300
COMING_S = 90.0
TALKING_ON_S = 30.0
SLICE_S = 10.0
_FEWEST = 20
"""Questions of a slice from which it is judged."""
_TRIES = 4
"""Of one caller, with the waits between them that the server asks for."""
_WIRE = WIRES["ws"]
_GOLDEN = 0.618
"""First questions lie apart by this share of a turn, which spreads them however many come."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What was asked in some seconds of the run."""

    begins_s: float
    inside: int
    """Conversations at its end."""
    asked: int
    answered_once: int
    overhead_p50_ms: float | None
    overhead_p95_ms: float | None
    overhead_p99_ms: float | None
    late_p99_ms: float | None
    """Of the callers themselves."""
    caller_cores: float
    """What they took of the processors."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A run with all its callers."""

    came: int
    coming_s: float
    admitted: int
    refusals: int
    """How often somebody was turned away."""
    failed: int
    """Callers whose conversations did not open for another reason."""
    cut: int
    slices: list[Slice]

    @property
    def valid(self) -> bool:
        return bool(self.slices) and all((one.late_p99_ms or 0.0) <= LATE_LIMIT_MS for one in self.slices)

    @property
    def worst_p95_ms(self) -> float | None:
        told = [one.overhead_p95_ms for one in self.slices if one.asked >= _FEWEST and one.overhead_p95_ms is not None]
        return max(told, default=None)

    @property
    def answered_share(self) -> float | None:
        asked = sum(one.asked for one in self.slices)
        return sum(one.answered_once for one in self.slices) / asked if asked else None

    @property
    def left_out(self) -> int:
        """Callers for whom there was no room whenever they knocked."""
        return self.came - self.admitted - self.failed

    @property
    def held(self) -> bool:
        """Whether those inside kept their quality."""
        worst, share = self.worst_p95_ms, self.answered_share
        answered = share is not None and share >= HELD_SHARE and not self.failed and not self.cut
        return self.valid and answered and worst is not None and worst <= HELD_P95_MS


@dataclass(slots=True)
class _Talker:
    caller: Caller
    place: int
    """In the turn; below zero before the first."""


class _Mark(NamedTuple):
    """The callers' side at a moment between two slices."""

    inside: int
    cpu_s: float


@dataclass(slots=True)
class _Crowd:
    """All who have come."""

    url: str
    turn: Turn
    groups: list[list[_Talker]] = field(default_factory=lambda: [[] for _ in range(PHASES)])
    refusals: int = 0
    failed: int = 0

    def talkers(self) -> Iterator[_Talker]:
        return (talker for group in self.groups for talker in group)

    async def come(self, number: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for _ in range(_TRIES):
            try:
                caller, _ = await connect(self.url, _WIRE)
            except Refused as refused:
                self.refusals += 1
                await asyncio.sleep(refused.retry_after_s)
            except OSError:
                self.failed += 1
                return
            else:
                self.enter(caller, number)
                return

    def enter(self, caller: Caller, number: int) -> None:
        quiet = round(number * _GOLDEN % 1 * len(self.turn.frames))
        self.groups[number % PHASES].append(_Talker(caller, -quiet))

    def send(self, phase: int, *, asks: bool) -> None:
        """A frame of each caller of a group; a question is asked whole or not at all."""
        turn = self.turn
        for talker in self.groups[phase]:
            if talker.place < 0 or (talker.place == 0 and not asks):
                talker.caller.send(turn.frames[-1])
                talker.place = min(talker.place + 1, 0)
                continue
            talker.caller.send(turn.frames[talker.place])
            if talker.place == turn.spoken - 1:
                talker.caller.ask()
            talker.place = (talker.place + 1) % len(turn.frames)

    def mark(self) -> _Mark:
        return _Mark(sum(not talker.caller.cut for talker in self.talkers()), time.process_time())

    def leave(self) -> None:
        for talker in self.talkers():
            talker.caller.leave()

    def close(self) -> None:
        for talker in self.talkers():
            talker.caller.close()


async def arrivals(url: str, turn: Turn, count: int, coming_s: float, talking_on_s: float) -> Ramp:
    """A turn's time is added, for the last answers."""
    crowd = _Crowd(url, turn)
    lateness: list[float] = []
    marks: list[_Mark] = []
    comers = [asyncio.create_task(crowd.come(number, number * coming_s / count)) for number in range(count)]
    begun = time.monotonic()
    end = round((coming_s + talking_on_s) / FRAME_S)
    try:
        async for step, phase in beats(end + round(TURN_S / FRAME_S), lateness):
            if phase == 0 and step % round(SLICE_S / FRAME_S) == 0 and step <= end:
                marks.append(crowd.mark())
            crowd.send(phase, asks=step + turn.spoken <= end)
    finally:
        for comer in comers:
            comer.cancel()
        await asyncio.gather(*comers, return_exceptions=True)
        cut = sum(talker.caller.cut for talker in crowd.talkers())
        crowd.leave()
        await asyncio.sleep(0.5)
        crowd.close()
    answers = [answer for talker in crowd.talkers() for answer in talker.caller.answers]
    slices = _slices(answers, marks, lateness, begun)
    admitted = sum(1 for _ in crowd.talkers())
    return Ramp(count, coming_s, admitted, crowd.refusals, crowd.failed, cut, slices)


def _slices(answers: list[Answer], marks: list[_Mark], lateness: list[float], begun: float) -> list[Slice]:
    looks = round(SLICE_S / FRAME_S) * PHASES
    slices: list[Slice] = []
    for number, (before, after) in enumerate(pairwise(marks)):
        asked = [answer for answer in answers if int((answer.asked_at - begun) / SLICE_S) == number]
        p50, p95, p99 = percentiles(overheads(asked), 50, 95, 99)
        # Who was far behind tells it once, and of the whole run.
        late = lateness[number * looks : (number + 1) * looks] or lateness
        slices.append(
            Slice(
                begins_s=number * SLICE_S,
                inside=after.inside,
                asked=len(asked),
                answered_once=answered_once(asked),
                overhead_p50_ms=p50,
                overhead_p95_ms=p95,
                overhead_p99_ms=p99,
                late_p99_ms=percentiles(late, 99)[0],
                caller_cores=round((after.cpu_s - before.cpu_s) / SLICE_S, 2),
            )
        )
    return slices
