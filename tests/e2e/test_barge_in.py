"""A caller who speaks over the reply: it stops at once, and the model is told what was heard of it, and no more."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench.server import Running, serving
from parley.client import Client
from tests.e2e.conftest import Spoken
from tests.e2e.talking import Talk
from tests.fakes.openai_server import FakeOpenAI, fake_openai

REPLY = (
    "Certainly. The clinic opens at nine on Monday, and on Tuesday it opens at ten, because the doctor visits the hospital. "
    "On Wednesday it opens at eight, and on Thursday and Friday it opens at nine again."
)


@pytest.fixture(scope="module")
def model() -> Iterator[FakeOpenAI]:
    with fake_openai() as server:
        server.reply = REPLY
        yield server


@pytest.fixture(scope="module")
def server(model: FakeOpenAI) -> Iterator[Running]:
    providers = ("asr.providers=[sphinx]", "llm.providers=[openai]", "tts.providers=[espeak]")
    address = f"llm.engines.openai.base_url={model.url}"
    quiet = "conversation.greeting=false"
    with serving("default.yaml", *providers, address, quiet, keys={"OPENAI_API_KEY": "sk-test"}) as running:
        yield running


class Stopwatch:
    """When audio came last."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._size = self._heard()
        self.changed_at = time.monotonic()

    def _heard(self) -> int:
        return sum(map(len, self._talk.audio.values()))

    async def watch(self, seconds: float) -> None:
        """Notes for a while when audio comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._heard() != self._size:
                self._size, self.changed_at = self._heard(), time.monotonic()
            await asyncio.sleep(0.005)


def prompts(model: FakeOpenAI) -> list[list[dict[str, Any]]]:
    return [[message for message in seen.fields["messages"] if message["role"] != "system"] for seen in model.seen]


async def test_it_stops_at_once_and_the_next_prompt_holds_what_was_heard(
    server: Running, model: FakeOpenAI, spoken: Spoken
) -> None:
    question = await asyncio.to_thread(spoken, "What are your opening hours on Saturday?")
    other = await asyncio.to_thread(spoken, "How much does a visit cost?")
    async with Client(server.url, 16_000) as client:
        talk = Talk(client)
        await talk.say(question)
        await talk.until("audio_started", turn=1)
        watch = Stopwatch(talk)
        await watch.watch(2.5)
        began = time.monotonic()
        speaking = asyncio.create_task(talk.say(other))
        held = asyncio.create_task(talk.until("held", turn=1))
        await watch.watch(1.0)
        await held
        await speaking
        interrupted = await talk.until("interrupted", turn=1)
        await talk.until("audio_started", turn=2)
        await talk.stop()
    assert watch.changed_at - began <= 0.25
    # What the caller heard: it began about two and a half seconds before the interruption.
    assert REPLY.startswith(interrupted["heard_text"])
    assert 2000 < interrupted["heard_ms"] < 3200
    last = prompts(model)[-1]
    assert [message["role"] for message in last] == ["user", "assistant", "user"]
    assert last[1]["content"] == interrupted["heard_text"] + " [interrupted]"
    assert last[2]["content"] == "how much does a visit cost"


async def test_a_listening_word_holds_the_reply_and_it_goes_on(server: Running, spoken: Spoken) -> None:
    question = await asyncio.to_thread(spoken, "What are your opening hours on Saturday?")
    okay = await asyncio.to_thread(spoken, "Okay.")
    async with Client(server.url, 16_000) as client:
        talk = Talk(client)
        await talk.say(question)
        await talk.until("audio_started", turn=1)
        await Stopwatch(talk).watch(1.5)
        await talk.say(okay)
        await talk.until("held", turn=1)
        await talk.until("resumed", turn=1)
        done = await talk.until("audio_done", turn=1)
        await talk.stop()
    assert "interrupted" not in talk.kinds()
    # Held audio is sent again from where `resumed` says, in whole milliseconds: no hole, and nothing twice.
    assert abs(len(talk.audio[1]) / 48 - done["ms"]) <= 1
