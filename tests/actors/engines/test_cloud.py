"""When a provider is asked again, and when it is given up, on a clock that jumps; over HTTP it is tested with the engines."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import httpx
import openai
import pytest

from actors.engines import cloud
from actors.engines.cloud import CloudCalls
from pipeline.engine_settings import Cloud
from pipeline.errors import ProviderError
from tests.fakes.jumping_loop import JumpingLoop, run_jumping

REQUEST: Any = httpx.Request("POST", "http://provider.example/v1")
BROKEN = openai.APIConnectionError(request=REQUEST)

Attempt = Callable[[], AsyncGenerator[str, None]]


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud.random, "uniform", lambda low, high: (low + high) / 2)


def refused(status: int, retry_after: str) -> openai.APIStatusError:
    response: Any = httpx.Response(status, headers={"retry-after": retry_after}, request=REQUEST)
    return openai.APIStatusError("no", response=response, body=None)


def ask(
    settings: Cloud, answer: Callable[[], AsyncGenerator[str, None]]
) -> tuple[list[float], list[str], ProviderError | None]:
    """The seconds at which the provider was asked, what it said, and how that ended."""
    asked_s: list[float] = []
    said: list[str] = []

    def attempt() -> AsyncGenerator[str, None]:
        asked_s.append(round(asyncio.get_running_loop().time(), 3))
        return answer()

    async def job() -> None:
        async for part in CloudCalls(settings).parts(attempt):
            said.append(part)  # noqa: PERF401 - it must outlive a failure

    try:
        run_jumping(job)
    except ProviderError as error:
        return asked_s, said, error
    return asked_s, said, None


async def broken() -> AsyncGenerator[str, None]:
    raise BROKEN
    yield


async def silent() -> AsyncGenerator[str, None]:
    await asyncio.Event().wait()
    yield ""


async def silent_after_a_word() -> AsyncGenerator[str, None]:
    yield "well"
    await asyncio.Event().wait()


@pytest.mark.usefixtures("no_jitter")
def test_the_pause_doubles_with_each_try() -> None:
    asked_s, _, error = ask(Cloud(retries=3, backoff_s=0.2), broken)
    assert (asked_s, error and error.code) == ([0, 0.2, 0.6, 1.4], "provider_unreachable")


def test_the_pause_varies_by_half() -> None:
    pauses = [ask(Cloud(retries=1, backoff_s=1), broken)[0][1] for _ in range(50)]
    assert 0.5 <= min(pauses) < 0.8 < 1.2 < max(pauses) <= 1.5


@pytest.mark.usefixtures("no_jitter")
def test_no_try_begins_that_would_be_too_late() -> None:
    asked_s, _, error = ask(Cloud(retries=9, backoff_s=0.2, timeout_s=1), broken)
    assert (asked_s, error and error.code) == ([0, 0.2, 0.6], "provider_unreachable")


@pytest.mark.parametrize(("header", "asked"), [("1.5", [0, 1.5]), ("0", [0, 0.2]), ("2.1", [0]), ("soon", [0, 0.2])])
@pytest.mark.usefixtures("no_jitter")
def test_a_provider_may_ask_for_a_short_pause_only(header: str, asked: list[float]) -> None:
    async def busy() -> AsyncGenerator[str, None]:
        raise refused(429, header)
        yield

    asked_s, _, error = ask(Cloud(retries=1, backoff_s=0.2), busy)
    assert (asked_s, error and error.code) == (asked, "provider_rate_limited")


@pytest.mark.parametrize(
    ("answer", "said", "words"), [(silent, [], "did not answer"), (silent_after_a_word, ["well"], "silent")]
)
def test_silence_is_a_time_out_and_not_tried_again(answer: Attempt, said: list[str], words: str) -> None:
    asked_s, heard, error = ask(Cloud(timeout_s=15), answer)
    assert (asked_s, heard, error and error.code) == ([0], said, "provider_timeout")
    assert words in str(error)


def test_a_slow_listener_is_no_silence() -> None:
    async def two_words() -> AsyncGenerator[str, None]:
        yield "good"
        yield "morning"

    async def job() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        said = []
        async for part in CloudCalls(Cloud(timeout_s=15)).parts(two_words):
            said.append(part)
            loop.now += 100
        return said

    assert run_jumping(job) == ["good", "morning"]


def test_a_mistake_of_ours_is_not_the_provider_s_and_frees_the_connection() -> None:
    async def mistaken() -> AsyncGenerator[str, None]:
        raise KeyError("oops")
        yield

    async def job() -> None:
        calls = CloudCalls(Cloud(pool=1))
        for _ in range(2):
            with pytest.raises(KeyError, match="oops"):
                await anext(calls.parts(mistaken))

    run_jumping(job)


@pytest.mark.parametrize("ticks", range(12))
async def test_a_cancelled_listener_does_not_interrupt_the_library_s_tidying_up(ticks: int) -> None:
    begun, tidied = [], []

    async def one_word() -> AsyncGenerator[str, None]:
        begun.append(1)
        try:
            yield "well"
        finally:
            with anyio.CancelScope(shield=True):  # as the library gives back a connection
                for _ in range(5):
                    await asyncio.sleep(0)
                tidied.append(1)

    async def job() -> None:
        async for _ in CloudCalls(Cloud()).parts(one_word):
            pass

    listener = asyncio.create_task(job())
    for _ in range(ticks):
        await asyncio.sleep(0)  # not to wait for something, but to be somewhere in the middle
    listener.cancel()
    await asyncio.sleep(0)
    listener.cancel()  # again, by someone impatient
    await asyncio.wait({listener})
    assert tidied == begun
