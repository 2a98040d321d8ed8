"""A real conversation with no key and no model hub: speech in, the right words out, speech back."""

import asyncio

import numpy as np
import pytest

from bench.server import Running, serving
from parley.client import Client
from tests.e2e.conftest import Spoken
from tests.e2e.talking import Talk

CALLS = {
    "en": (
        "What are your opening hours on Saturday?",
        "what are your opening hours on saturday",
        "On Saturday we are open from nine until one.",
    ),
    "es": ("¿Cuál es el horario el sábado?", "cuál es el horario el sábado", "El sábado"),
}


@pytest.mark.parametrize("language", CALLS)
async def test_a_spoken_question_is_understood_and_answered(offline: Running, spoken: Spoken, language: str) -> None:
    question, words, answer = CALLS[language]
    speech = await asyncio.to_thread(spoken, question, language)
    async with Client(offline.url, 16_000, lang=language) as client:
        talk = Talk(client)
        session = await talk.until("session")
        assert (session["rate"], session["out_rate"]) == (16_000, 24_000)
        assert session["providers"] == {"asr": "sphinx", "llm": "flow", "tts": "espeak"}
        await talk.say(speech)
        heard = await talk.until("transcript", final=True)
        assert (heard["turn"], heard["text"], heard["language"]) == (1, words, language)
        reply = await talk.until("reply", final=True)
        assert reply["text"].startswith(answer)
        done = await talk.until("audio_done")
        report = await talk.until("turn")
        await talk.stop()
    samples = np.frombuffer(talk.audio[1], np.int16)
    assert done["ms"] == round(len(samples) / 24)
    assert 0.25 < len(samples) / 24_000 / len(reply["text"].split()) < 0.6
    assert np.abs(samples).max() > 3000
    parts = dict(report["latency"])
    assert parts.pop("total_ms") == sum(parts.values())
    order = [message["type"] for message in talk.messages if message["type"] != "reply" and message.get("final", True)]
    expected = ["session", "speech_started", "speech_stopped", "transcript", "audio_started", "turn", "audio_done"]
    assert order == expected


async def test_a_caller_on_the_telephone_is_understood_too(offline: Running, spoken: Spoken) -> None:
    question, words, _ = CALLS["en"]
    async with Client(offline.url, 8_000, out_rate=8_000) as client:
        talk = Talk(client)
        await talk.say(await asyncio.to_thread(spoken, question, "en", 8_000))
        assert (await talk.until("transcript", final=True))["text"] == words
        done = await talk.until("audio_done")
        await talk.stop()
    assert done["ms"] == round(len(talk.audio[1]) / 16)


async def test_a_typed_turn_is_answered_aloud(offline: Running) -> None:
    async with Client(offline.url, 16_000) as client:
        talk = Talk(client)
        await client.send_text("What are your opening hours on Saturday?")
        assert (await talk.until("reply", final=True))["text"] == CALLS["en"][2]
        await talk.until("audio_done", turn=1)
        await talk.stop()
    assert talk.audio[1]


async def test_a_greeting_is_spoken_first() -> None:
    with serving("default.yaml", "asr.providers=[sphinx]", "llm.providers=[flow]", "tts.providers=[espeak]") as server:
        async with Client(server.url, 16_000) as client:
            talk = Talk(client)
            greeting = await talk.until("reply", turn=0, final=True)
            await talk.until("audio_done", turn=0)
            await talk.stop()
    assert greeting["text"]
    assert talk.audio[0]
