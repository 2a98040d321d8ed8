import asyncio
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from bench.server import Running
from bench.strokes import Kind, Parts, busiest, frozen, is_of, title


@pytest.fixture
def idle() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield psutil.Process(process.pid)
        process.kill()


@pytest.mark.parametrize(
    ("kind", "name", "same"),
    [
        (Kind.BUFFER, "ray::BufferActor", True),
        (Kind.BUFFER, "ray::BufferActor.status", True),
        (Kind.FROZEN, "ray::BufferActor", True),
        (Kind.BUFFER, "ray::BufferActors", False),
        (Kind.VAD, "ray::BufferActor", False),
        (Kind.GATEWAY, "ray::ServeReplica:parley:gateway", True),
        (Kind.GATEWAY, "ray::ServeReplica:parley:asr", False),
        (Kind.TTS, "ray::ServeReplica:other:tts", False),
        (Kind.LLM, "", False),
    ],
)
def test_parts_are_known_by_their_titles(kind: Kind, name: str, same: bool) -> None:
    assert is_of(kind, name) == same


def test_who_is_dead_has_no_title(idle: psutil.Process) -> None:
    assert title(idle) == sys.executable
    idle.kill()
    idle.wait()
    assert title(idle) == ""


async def test_what_was_frozen_goes_on(idle: psutil.Process) -> None:
    await frozen(idle, 0.0)
    assert idle.status() != psutil.STATUS_STOPPED


async def test_what_was_frozen_goes_on_when_the_run_is_broken_off(idle: psutil.Process) -> None:
    freezing = asyncio.create_task(frozen(idle, 60.0))
    async with asyncio.timeout(10):
        while idle.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110
            await asyncio.sleep(0)
    freezing.cancel()
    await asyncio.gather(freezing, return_exceptions=True)
    assert idle.status() != psutil.STATUS_STOPPED


def test_the_busier_one_is_found(idle: psutil.Process) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        process = psutil.Process(busy.pid)
        found = busiest([idle, process])
        busy.kill()
    assert found.pid == process.pid


def test_only_a_server_that_was_started_here_has_parts() -> None:
    with pytest.raises(RuntimeError, match="not the server that was started here"):
        Parts(Running("http://127.0.0.1:1", 1))
