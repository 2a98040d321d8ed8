"""What dashboards cost, from figures that nobody measured; and a stream that is read as a dashboard reads it."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from rich.console import Console

from bench.viewers import Result, Slice, order, show, view
from tests.bench.reports import GOOD


def result(*slices: tuple[int, float]) -> Result:
    return Result([Slice(viewers, cores) for viewers, cores in slices], GOOD)


def test_what_grows_meanwhile_changes_both_alike() -> None:
    slices = order(4, 10)
    assert slices == [0, 10, 10, 0, 0, 10, 10, 0]
    growing = result(*((viewers, 1.0 + number / 10) for number, viewers in enumerate(slices)))
    assert growing.percent == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("cores", "percent", "held"), [(1.0, 0.0, True), (1.03, 3.0, True), (1.05, 5.0, False), (0.9, -10.0, True)]
)
def test_the_cost_is_what_comes_on_top(cores: float, percent: float, held: bool) -> None:
    measured = result((0, 1.0), (10, cores - 0.0001), (10, cores - 0.0001), (0, 1.0))
    assert (round(measured.percent, 1), measured.held) == (percent, held)


def test_a_run_whose_callers_were_late_says_so() -> None:
    console = Console(width=120, record=True)
    show(replace(result((0, 1.0), (10, 1.01)), report=replace(GOOD, late_p99_ms=90.0)), console)
    said = console.export_text()
    assert "+1.0 % (at most 3 %): held" in said
    assert "late by 90.0 ms" in said


async def test_a_stream_that_ends_is_asked_for_again() -> None:
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.put_nowait(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nevent: all\ndata: {}\n\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    watching = asyncio.create_task(view(f"http://127.0.0.1:{port}"))
    for _ in range(2):
        assert await asyncio.wait_for(asked.get(), 10) == b"GET /dashboard/events HTTP/1.1\r\n"
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    server.close()


async def test_a_refusal_is_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectionError, match="403"):
        await asyncio.wait_for(view(f"http://127.0.0.1:{port}"), 10)
    server.close()
