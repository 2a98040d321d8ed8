"""Parts of a real server die under a call, by kill -9, and the call goes on."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest

from bench.server import Running, serving
from parley import processes, rundir
from parley.client import Client, Patience
from tests.e2e.conftest import Spoken
from tests.e2e.talking import Talk

SHARD, VAD, GATEWAY = "ray::BufferActor", "ray::VADActor", "ray::ServeReplica:parley:gateway"
PROXY = "haproxy"
QUESTION = "What are your opening hours on Saturday?"
SETTINGS = ("conversation.greeting=false", "asr.providers=[sphinx]", "llm.providers=[flow]", "tts.providers=[sim]")
LONG_MS = 3_000
PATIENT = Patience(tries=20)
"""There is one gateway, and a busy machine takes its time to start another."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Speech that is quickly made and long to hear, so that a reply can be cut in two."""
    with serving("default.yaml", *SETTINGS, f"tts.engines.sim.duration_ms={LONG_MS}") as running:
        yield running


def kill(server: Running, title: str) -> None:
    """Ends the one process of the server that has this title."""
    record = rundir.find(urlsplit(server.url).port or 80, rundir.folder())
    assert record is not None
    found = [process.pid for process in processes.of_server(record.run_dir) if _title(process).startswith(title)]
    assert len(found) == 1, found
    os.kill(found[0], signal.SIGKILL)


def _title(process: psutil.Process) -> str:
    """Of Ray's processes what they are; of others the program."""
    try:
        return Path(process.cmdline()[0]).name if process.name() == PROXY else process.cmdline()[0]
    except (psutil.Error, IndexError):
        return ""


async def ask_on(talk: Talk) -> str:
    """A question that only makes sense after the one before."""
    await talk.client.send_text("And on Sunday?")
    return (await talk.until("reply", turn=2, final=True))["text"]


async def check(talk: Talk) -> None:
    """The first turn was heard and answered once, and is remembered."""
    done = await talk.until("audio_done", turn=1)
    assert len(talk.audio[1]) // 48 == done["ms"] == LONG_MS
    heard = [message["text"] for message in talk.messages if message["type"] == "transcript" and message["final"]]
    assert heard == ["what are your opening hours on saturday"]
    assert talk.kinds().count("audio_started") == 1
    assert "error" not in talk.kinds()
    assert await ask_on(talk) == "On Sunday we are closed."
    await talk.stop()


@pytest.mark.parametrize("victim", [SHARD, VAD, GATEWAY, PROXY])
async def test_a_question_during_which_it_dies_is_answered_once(server: Running, spoken: Spoken, victim: str) -> None:
    question = await asyncio.to_thread(spoken, QUESTION)
    async with Client(server.url, 16_000, patience=PATIENT) as client:
        talk = Talk(client)
        await talk.until("session")
        half = len(question) // 2
        await client.speak(question[:half])
        await asyncio.to_thread(kill, server, victim)
        await talk.say(np.concatenate([question[half:], np.zeros(1_600, np.int16)]))
        await check(talk)


@pytest.mark.parametrize("victim", [SHARD, GATEWAY])
async def test_a_reply_during_which_it_dies_is_heard_whole(server: Running, spoken: Spoken, victim: str) -> None:
    question = await asyncio.to_thread(spoken, QUESTION)
    async with Client(server.url, 16_000, patience=PATIENT) as client:
        talk = Talk(client)
        await talk.say(question)
        await talk.until("audio_started", turn=1)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(kill, server, victim)
        await check(talk)
