import asyncio

import pytest

from gateway.audio.leaving import unless_gone


async def test_the_job_is_done_while_the_client_stays() -> None:
    done: list[str] = []

    async def job() -> None:
        await asyncio.sleep(0)
        done.append("done")

    stays: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    await unless_gone(job(), stays.get)
    assert done == ["done"]


async def test_the_job_is_stopped_when_the_client_leaves() -> None:
    messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    tidied = asyncio.Event()

    async def job() -> None:
        messages.put_nowait({"type": "http.request"})
        messages.put_nowait({"type": "http.disconnect"})
        try:
            await asyncio.Event().wait()
        finally:
            tidied.set()

    await unless_gone(job(), messages.get)
    assert tidied.is_set()


async def test_a_failure_of_the_job_comes_out() -> None:
    async def job() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await unless_gone(job(), asyncio.Queue[dict[str, str]]().get)
