"""Small measurements beside the large one: a quiet server, how fast it answers a ping, and many who come at once."""

import asyncio
import time
from dataclasses import dataclass

from bench.caller import Caller, connect
from bench.frames import TEXT, frame
from bench.measure import Base, cores_over, percentiles
from bench.server import Server
from bench.wires import FRAME_S, WIRES

BURST = 100
BURST_S = 1.0
"""Time in which all of a burst knock."""
_PINGS = 500
_PING_EVERY_S = 0.01
_PONG_S = 5.0
"""Longest wait for the answer to a ping."""
_WIRE = WIRES["ws"]


@dataclass(frozen=True, slots=True)
class Calm:
    """A server with next to nothing to do."""

    idle_cores: float
    """With nobody there."""
    quiet_cores: float
    """With one conversation in which nobody speaks."""
    ping_p50_ms: float | None
    ping_p99_ms: float | None
    """Round trip of a ping on `/ws`."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Conversations that were opened within a second."""

    came: int
    accepted: int
    open_p50_ms: float | None
    open_p95_ms: float | None


async def calm(server: Server, at_rest: Base, seconds: float) -> Calm:
    caller, _ = await connect(server.url, _WIRE)
    try:
        quiet = await _quiet(caller, server, seconds)
        p50, p99 = percentiles(await _pings(caller), 50, 99)
        caller.leave()
        return Calm(round(at_rest.idle_cores, 3), round(quiet, 3), p50, p99)
    finally:
        caller.close()


async def _quiet(caller: Caller, server: Server, seconds: float) -> float:
    """Somebody who only listens."""
    silence = frame(_WIRE.silence(), _WIRE.opcode)

    async def send() -> None:
        due = time.monotonic()
        while True:
            caller.send(silence)
            due += FRAME_S
            await asyncio.sleep(due - time.monotonic())

    sending = asyncio.create_task(send())
    try:
        return await cores_over(server, seconds)
    finally:
        sending.cancel()


async def _pings(caller: Caller) -> list[float]:
    """One at a time; none is sent any more when one was not answered."""
    ping = frame(b'{"type":"ping"}', TEXT)
    times: list[float] = []
    for _ in range(_PINGS):
        caller.pong.clear()
        begun = time.monotonic()
        caller.send(ping)
        try:
            async with asyncio.timeout(_PONG_S):
                await caller.pong.wait()
        except TimeoutError:
            return []
        times.append(1000 * (time.monotonic() - begun))
        await asyncio.sleep(_PING_EVERY_S)
    return times


async def burst(server: Server, count: int) -> Burst:
    async def come(number: int) -> tuple[Caller, float]:
        await asyncio.sleep(number * BURST_S / count)
        return await connect(server.url, _WIRE)

    came = await asyncio.gather(*(come(number) for number in range(count)), return_exceptions=True)
    opened = [one for one in came if isinstance(one, tuple)]
    for caller, _ in opened:
        caller.leave()
    await asyncio.sleep(0.5)
    for caller, _ in opened:
        caller.close()
    p50, p95 = percentiles([ms for _, ms in opened], 50, 95)
    return Burst(count, len(opened), p50, p95)
