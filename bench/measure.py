"""One measurement: so many callers talk to a server at once, and what that gave and cost.

Every caller asks the same question every six seconds, in 20 ms frames, and hears the whole reply. Overhead is what passes
between the last sound of the question and the first sound of the reply, less the serial ideal of the simulated providers. The
caller's own lateness is measured too: a run in which frames left late says nothing about the server and is marked so.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.caller import Answer, Caller, Refused, connect
from bench.frames import frame
from bench.server import Server
from bench.wires import FRAME_S, WIRES, Wire

TURN_S = 6.0
LEAST_S = 2 * TURN_S
"""Shortest measurement that tells what a server takes: a turn's time in which all begin, and one in which all talk."""
IDEAL_MS = 460
REPLY_BYTES = 2 * 24_000 * 2
LATE_LIMIT_MS = 15.0
HELD_P95_MS = 250.0
HELD_SHARE = 0.99
PHASES = 10
"""Groups of callers that send in the time of a frame, one after the other."""
_FAR_BEHIND_S = 5.0
"""A caller's lateness at which a run is given up."""
_TRIES = 6
"""Of one caller who is told to come back later."""
_MOST_UNOPENED = 3
"""Conversations that did not open before no more are tried."""


@dataclass(frozen=True, slots=True)
class Report:
    """One number of conversations on one wire, measured."""

    wire: str
    conversations: int
    seconds: float
    asked: int
    answered_once: int
    overhead_p50_ms: float | None
    overhead_p95_ms: float | None
    overhead_p99_ms: float | None
    """None where nothing was answered."""
    open_p50_ms: float | None
    open_p95_ms: float | None
    cpu_ms: float
    """CPU of all server processes, a conversation and second, beyond what they take when idle."""
    idle_cores: float
    cores: float
    memory_mb: float
    """What the server has grown by since it was idle, a conversation."""
    late_p99_ms: float
    unopened: int
    errors: int
    cut: int

    @property
    def valid(self) -> bool:
        return self.late_p99_ms <= LATE_LIMIT_MS

    @property
    def held(self) -> bool:
        answered = self.asked > 0 and self.answered_once >= HELD_SHARE * self.asked
        in_time = self.overhead_p95_ms is not None and self.overhead_p95_ms <= HELD_P95_MS
        return self.valid and not self.unopened and answered and in_time


@dataclass(frozen=True, slots=True)
class Base:
    """What a server takes with nobody there."""

    idle_cores: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    report: Report
    turns: list[tuple[int, dict[str, int]]]
    """Of every reply: milliseconds to its first sound, and what the server reported of it."""
    cores_by_program: dict[str, float]


@dataclass(frozen=True, slots=True)
class Turn:
    """The frames of one whole turn, the same for everybody."""

    frames: list[bytes]
    spoken: int
    """How many of them hold speech; the others are silence."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What the server took while everybody talked."""

    cores: dict[str, float]
    memory_mb: float


def make_turn(wire: Wire) -> Turn:
    speech = wire.frames()
    silent = round(TURN_S / FRAME_S) - len(speech)
    messages = [*speech, *([wire.silence()] * silent)]
    return Turn([frame(message, wire.opcode) for message in messages], len(speech))


async def base(server: Server, seconds: float) -> Base:
    return Base(await cores_over(server, seconds), await asyncio.to_thread(server.memory_mb))


async def cores_over(server: Server, seconds: float) -> float:
    return sum((await _cores_by_program(server, seconds)).values())


async def _cores_by_program(server: Server, seconds: float) -> dict[str, float]:
    before = await asyncio.to_thread(server.snapshot)
    await asyncio.sleep(seconds)
    return (await asyncio.to_thread(server.snapshot)).cores_since(before)


async def run(name: str, count: int, seconds: float, server: Server, at_rest: Base, turn: Turn) -> Measured:
    """`name` is the wire's; one turn's time is added, for the last answers."""
    callers, open_ms = await _open(server.url, WIRES[name], count)
    try:
        costing = asyncio.create_task(_cost(server, seconds))
        lateness = await _talk(callers, turn, seconds)
        cost = await costing
        cut = sum(caller.cut for caller in callers)
        for caller in callers:
            caller.leave()
        await asyncio.sleep(0.5)
    finally:
        for caller in callers:
            caller.close()
    answers = [answer for caller in callers for answer in caller.answers]
    cores = sum(cost.cores.values())
    p50, p95, p99 = percentiles(overheads(answers), 50, 95, 99)
    open_p50, open_p95 = percentiles(open_ms, 50, 95)
    report = Report(
        wire=name,
        conversations=count,
        seconds=seconds,
        asked=len(answers),
        answered_once=answered_once(answers),
        overhead_p50_ms=p50,
        overhead_p95_ms=p95,
        overhead_p99_ms=p99,
        open_p50_ms=open_p50,
        open_p95_ms=open_p95,
        cpu_ms=round(1000 * (cores - at_rest.idle_cores) / count, 2),
        idle_cores=round(at_rest.idle_cores, 3),
        cores=round(cores, 3),
        memory_mb=round((cost.memory_mb - at_rest.memory_mb) / count, 2),
        late_p99_ms=percentiles(lateness, 99)[0] or 0.0,
        unopened=count - len(callers),
        errors=sum(len(caller.errors) for caller in callers),
        cut=cut,
    )
    turns = [(round(1000 * (sounded - answer.asked_at)), answer.latency) for answer in answers for sounded in answer.sounded_at]
    return Measured(report, turns, {name: round(taken, 3) for name, taken in cost.cores.items() if taken > 0})


def overheads(answers: Sequence[Answer]) -> list[float]:
    return [1000 * (answer.sounded_at[0] - answer.asked_at) - IDEAL_MS for answer in answers if answer.sounded_at]


def answered_once(answers: Sequence[Answer]) -> int:
    """Turns that got one reply, and all of its sound."""
    return sum(len(answer.sounded_at) == 1 and answer.audio_bytes == REPLY_BYTES for answer in answers)


def percentiles(values: Sequence[float], *ranks: int) -> list[float | None]:
    if not values:
        return [None] * len(ranks)
    return [round(value, 2) for value in np.percentile(values, ranks).tolist()]


async def _open(url: str, wire: Wire, count: int) -> tuple[list[Caller], list[float]]:
    """One after the other, as far as they are let in."""
    callers: list[Caller] = []
    times: list[float] = []
    failed = 0
    while len(callers) + failed < count and failed < _MOST_UNOPENED:
        try:
            caller, ms = await _opened(url, wire)
        except OSError:
            failed += 1
            continue
        callers.append(caller)
        times.append(ms)
    return callers, times


async def _opened(url: str, wire: Wire) -> tuple[Caller, float]:
    """Waits for room as long as is asked for, as the number before may have left the server late."""
    for _ in range(_TRIES - 1):
        try:
            return await connect(url, wire)
        except Refused as refused:
            await asyncio.sleep(refused.retry_after_s)
    return await connect(url, wire)


async def _cost(server: Server, seconds: float) -> _Cost:
    """While everybody asks: in the first turn's time some have not begun to."""
    await asyncio.sleep(TURN_S)
    cores = await _cores_by_program(server, max(seconds - TURN_S, 1.0))
    return _Cost(cores, await asyncio.to_thread(server.memory_mb))


async def _talk(callers: list[Caller], turn: Turn, seconds: float) -> list[float]:
    """Sends everybody's frames on time; by how many milliseconds each tenth of the callers was late."""
    lateness: list[float] = []
    length = len(turn.frames)
    offsets = [round(i * length / len(callers)) for i in range(len(callers))]
    groups = [[(callers[i], offsets[i]) for i in range(phase, len(callers), PHASES)] for phase in range(PHASES)]
    # In the time that is added nobody asks again.
    end = round(seconds / FRAME_S)
    silence = turn.frames[-1]
    async for step, phase in beats(end + length, lateness):
        for caller, offset in groups[phase]:
            place = (step - offset) % length
            # A question is asked whole or not at all.
            asked = step >= offset and step - place < end
            caller.send(turn.frames[place] if asked else silence)
            if asked and place == turn.spoken - 1:
                caller.ask()
    return lateness


async def beats(steps: int, lateness: list[float]) -> AsyncGenerator[tuple[int, int], None]:
    """The time to send comes for each group of callers in each frame; `lateness` gets the milliseconds by which it was missed.

    Where it is missed by far there is no use in going on, and nothing else is said of lateness.
    """
    begun = time.monotonic() + 0.1
    for step in range(steps):
        for phase in range(PHASES):
            due = begun + (step + phase / PHASES) * FRAME_S
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            late = max(time.monotonic() - due, 0.0)
            lateness.append(1000 * late)
            if late > _FAR_BEHIND_S:
                lateness[:] = [1000 * _FAR_BEHIND_S]
                return
            yield step, phase
