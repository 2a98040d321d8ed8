"""The floor as a process of its own, with the callers of a measurement."""

import asyncio
import json
from collections.abc import Iterator

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench import caller
from bench.measure import Base, make_turn, run
from bench.probes import burst
from bench.server import Running, Server, serving_floor
from bench.wires import WIRES


@pytest.fixture(scope="module")
def floor() -> Iterator[Running]:
    with serving_floor() as running:
        yield running
    assert not psutil.pid_exists(running.pid)


async def test_two_callers_are_answered_once_each(floor: Running) -> None:
    turn = await asyncio.to_thread(make_turn, WIRES["ws"])
    server = Server.program(floor)
    measured = await run("ws", 2, 3.1, server, Base(0.0, 0.0), turn)
    report = measured.report
    assert (report.conversations, report.asked, report.answered_once) == (2, 2, 2)
    assert (report.unopened, report.errors, report.cut) == (0, 0, 0)
    assert report.overhead_p50_ms is not None
    assert report.overhead_p50_ms > 0
    assert report.cores > 0
    assert list(measured.cores_by_program) == [server.snapshot().spent[floor.pid].program]
    latencies = [latency for _, latency in measured.turns]
    assert [set(latency) for latency in latencies] == [{"endpoint_ms", "asr_ms", "llm_ms", "tts_ms", "total_ms"}] * 2
    # No provider answers sooner than its settings say, but for the rounding of clocks.
    least = {"endpoint_ms": 200, "asr_ms": 49, "llm_ms": 154, "tts_ms": 49}
    assert [{name: min(latency[name], ms) for name, ms in least.items()} for latency in latencies] == [least] * 2


async def test_a_burst_comes_in(floor: Running) -> None:
    came = await burst(Server.program(floor), 10)
    assert (came.came, came.accepted) == (10, 10)
    assert came.open_p95_ms is not None


async def test_it_speaks_websocket_to_others_too(floor: Running) -> None:
    address = floor.url.replace("http", "ws") + "/ws"
    async with connect(address, proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "session"
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}
        await (await socket.ping())
        await socket.send('{"type":"bye"}')
        await socket.wait_closed()


@pytest.mark.parametrize("address", ["/ws?rate=24000", "/ws?out_rate=16000", "/v1/realtime"])
async def test_what_it_does_not_understand_is_refused(floor: Running, address: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(floor.url.replace("http", "ws") + address, proxy=None)
    assert refused.value.response.status_code == 400


async def test_a_caller_hears_why_nothing_opened(floor: Running) -> None:
    with pytest.raises(ConnectionError, match="400 Bad Request"):
        await caller.connect(floor.url, WIRES["realtime"])
