"""Replicas of the stages are killed over requests: each answer comes whole, and nothing in it comes twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest

from bench.server import Running, serving
from parley import processes, rundir
from parley.client import Client
from tests.e2e.talking import Talk
from tests.e2e.test_openai_audio import wav_of
from tests.fakes.openai_server import Answer, FakeOpenAI, fake_openai

AT_ONCE = 4
"""Requests, so that each of two replicas has some."""
REPLY = "We are open. On Saturday we close at one. On Sunday nobody is here. Goodbye for now."
SPEECH = np.arange(24_000, dtype="<i2").tobytes()


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    with fake_openai() as server:
        server.otherwise = Answer(delay_s=1.0, gap_s=0.1)
        server.reply = REPLY
        server.speech = tuple(SPEECH[start : start + 4_800] for start in range(0, len(SPEECH), 4_800))
        yield server


@pytest.fixture(scope="module")
def server(provider: FakeOpenAI) -> Iterator[Running]:
    of_stages = [
        f"{stage}.{setting}"
        for stage in ("asr", "llm", "tts")
        for setting in ("providers=[openai]", f"engines.openai.base_url={provider.url}", "pool.min_replicas=2")
    ]
    with serving("bench.yaml", *of_stages, keys={"OPENAI_API_KEY": "sk-test"}) as running:
        yield running


def replicas(server: Running, stage: str) -> list[psutil.Process]:
    record = rundir.find(urlsplit(server.url).port or 80, rundir.folder())
    assert record is not None
    title = f"ServeReplica:parley:{stage}"
    return [process for process in processes.of_server(record.run_dir) if title in " ".join(process.cmdline())]


async def over(
    server: Running, provider: FakeOpenAI, stage: str, ready: Callable[[], bool], *requests: Coroutine[Any, Any, Any]
) -> list[Any]:
    """The answers to requests over which one replica is killed, once they are so far."""
    provider_port = urlsplit(provider.url).port
    both = await asyncio.to_thread(replicas, server, stage)
    tasks = [asyncio.create_task(request) for request in requests]
    async with asyncio.timeout(30):
        while not ready():  # noqa: ASYNC110 (another process and another thread bring it about)
            await asyncio.sleep(0.01)
    # No test before asks the same stage, so who has a connection has a request.
    next(replica for replica in both if provider_port in {at.raddr.port for at in replica.net_connections() if at.raddr}).kill()
    return await asyncio.gather(*tasks)


def asked(provider: FakeOpenAI, path: str) -> int:
    return sum(seen.path.endswith(path) for seen in provider.seen)


async def test_transcripts(server: Running, provider: FakeOpenAI) -> None:
    before = asked(provider, "/transcriptions")
    upload = {"file": ("question.wav", wav_of(np.full(16_000, 3_000, np.int16)))}
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as client:

        async def transcript() -> Any:
            return (await client.post("/v1/audio/transcriptions", files=upload, data={"model": "whisper-1"})).json()["text"]

        def ready() -> bool:
            return asked(provider, "/transcriptions") - before == AT_ONCE

        texts = await over(server, provider, "asr", ready, *(transcript() for _ in range(AT_ONCE)))
    assert texts == [provider.heard] * AT_ONCE
    assert asked(provider, "/transcriptions") - before > AT_ONCE


async def test_speech_in_mid_stream(server: Running, provider: FakeOpenAI) -> None:
    before = asked(provider, "/speech")
    begun: set[int] = set()
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as client:

        async def speech(number: int) -> bytes:
            wish = {"model": "tts-1", "voice": "alloy", "input": "We are open.", "response_format": "pcm"}
            async with client.stream("POST", "/v1/audio/speech", json=wish) as response:
                pieces: AsyncIterator[bytes] = response.aiter_bytes()
                audio = b""
                async for piece in pieces:
                    audio += piece
                    begun.add(number)
                return audio

        answers = await over(
            server, provider, "tts", lambda: len(begun) == AT_ONCE, *(speech(number) for number in range(AT_ONCE))
        )
    assert [len(audio) for audio in answers] == [len(SPEECH)] * AT_ONCE
    assert answers == [SPEECH] * AT_ONCE
    assert asked(provider, "/speech") - before > AT_ONCE


async def test_replies_in_mid_stream(server: Running, provider: FakeOpenAI) -> None:
    before = asked(provider, "/chat/completions")
    begun: set[int] = set()

    async def reply(number: int) -> list[str]:
        async with Client(server.url, 16_000) as client:
            talk = Talk(client)
            await talk.until("session")
            await client.send_text("When are you open?")
            await talk.until("reply")
            begun.add(number)
            await talk.until("reply", final=True)
            await talk.stop()
            return [message["text"] for message in talk.messages if message["type"] == "reply"]

    told = await over(server, provider, "llm", lambda: len(begun) == AT_ONCE, *(reply(number) for number in range(AT_ONCE)))
    assert [texts[-1] for texts in told] == [REPLY] * AT_ONCE
    assert all(REPLY.startswith(text) for texts in told for text in texts)
    assert asked(provider, "/chat/completions") - before > AT_ONCE
