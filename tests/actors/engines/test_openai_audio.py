"""The speech engines against a local server that speaks OpenAI's protocol, through the official client."""

import asyncio
import io
import math
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from pydantic import SecretStr

from actors.engines import openai_audio
from actors.engines.openai_audio import OpenAISpeaker, OpenAITranscriber
from pipeline.engine_settings import OpenAISpeech, OpenAITranscription
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Phrase, Transcript, Utterance, Word
from tests.fakes.openai_server import Cut, FakeOpenAI, Refuse, Stall, fake_openai

NOWHERE = Path("no-flows")
SAMPLES = np.arange(16_000, dtype=np.int16)
UTTERANCE = Utterance(SAMPLES, "de", phrases=("wann haben Sie offen", "auf Wiedersehen"))
PHRASE = Phrase("Good morning.", "en")


OPEN: list[AsyncOpenAI] = []


@pytest.fixture(autouse=True)
async def no_client_stays_open() -> AsyncIterator[None]:
    yield
    while OPEN:
        await OPEN.pop().close()


@pytest.fixture
def openai_server() -> Iterator[FakeOpenAI]:
    with fake_openai() as server:
        yield server


def quick(server: FakeOpenAI, changes: dict[str, Any]) -> dict[str, Any]:
    return {"base_url": server.url, "api_key": SecretStr("sk-very-secret"), "backoff_s": 0.001, **changes}


def transcriber(server: FakeOpenAI, **changes: Any) -> OpenAITranscriber:
    engine = openai_audio.make(OpenAITranscription(**quick(server, changes)), NOWHERE)
    assert isinstance(engine, OpenAITranscriber)
    OPEN.append(engine._client)
    return engine


def speaker(server: FakeOpenAI, **changes: Any) -> OpenAISpeaker:
    engine = openai_audio.make(OpenAISpeech(**quick(server, changes)), NOWHERE)
    assert isinstance(engine, OpenAISpeaker)
    OPEN.append(engine._client)
    return engine


async def test_an_utterance_goes_out_as_a_wav_with_its_hints(openai_server: FakeOpenAI) -> None:
    heard = await transcriber(openai_server).transcribe(UTTERANCE)
    assert heard == Transcript("what are your opening hours", "de", confidence=math.exp(-0.5))

    [seen] = openai_server.seen
    with wave.open(io.BytesIO(seen.fields.pop("file"))) as sent:
        assert (sent.getnchannels(), sent.getsampwidth(), sent.getframerate()) == (1, 2, 16_000)
        assert np.array_equal(np.frombuffer(sent.readframes(sent.getnframes()), np.int16), SAMPLES)
    assert (seen.path, seen.fields) == (
        "/v1/audio/transcriptions",
        {
            "model": "gpt-4o-mini-transcribe",
            "language": "de",
            "response_format": "json",
            "include[]": "logprobs",
            "prompt": "wann haben Sie offen. auf Wiedersehen.",
        },
    )


async def test_a_prompt_follows_the_hints_and_no_language_is_said_where_none_is_known(openai_server: FakeOpenAI) -> None:
    await transcriber(openai_server).transcribe(Utterance(SAMPLES, "", phrases=("hello",), prompt=" Dr. Meyer, Parley "))
    await transcriber(openai_server).transcribe(Utterance(SAMPLES, "en", prompt="Parley"))
    both, alone = [seen.fields for seen in openai_server.seen]
    assert (both["prompt"], both.get("language")) == ("hello. Dr. Meyer, Parley", None)
    assert (alone["prompt"], alone.get("language")) == ("Parley", "en")


async def test_a_model_that_times_words_is_asked_to(openai_server: FakeOpenAI) -> None:
    openai_server.heard = "good morning"
    heard = await transcriber(openai_server, model="whisper-1").transcribe(UTTERANCE)
    words = (Word("good", 0.0, 0.4), Word("morning", 0.5, 0.9))
    assert heard == Transcript("good morning", "de", confidence=math.exp(-0.25), words=words)


async def test_a_click_is_not_sent(openai_server: FakeOpenAI) -> None:
    heard = await transcriber(openai_server).transcribe(Utterance(SAMPLES[:1000], "en"))
    assert (heard, openai_server.seen) == (Transcript("", "en"), [])


async def test_speech_comes_as_it_arrives_and_a_split_sample_is_joined(openai_server: FakeOpenAI) -> None:
    pieces = [speech async for speech in speaker(openai_server).speak(PHRASE)]
    assert {24_000} == {speech.rate for speech in pieces}
    assert np.concatenate([speech.samples for speech in pieces]).tolist() == [1, 2, 3, 4, 5]

    [seen] = openai_server.seen
    assert (seen.path, seen.fields) == (
        "/v1/audio/speech",
        {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Good morning.", "response_format": "pcm"},
    )


async def test_a_phrase_may_name_its_voice(openai_server: FakeOpenAI) -> None:
    async for _ in speaker(openai_server).speak(Phrase("Good morning.", "en", voice="coral")):
        pass
    assert openai_server.seen[0].fields["voice"] == "coral"


@pytest.mark.parametrize(
    ("own", "asked", "sent"),
    [("nova", "", "nova"), ("nova", "cedar", "cedar"), ("nova", "f3", "nova"), ("af_heart", "alloy", "af_heart")],
)
async def test_a_voice_that_it_does_not_have_is_its_own(openai_server: FakeOpenAI, own: str, asked: str, sent: str) -> None:
    engine = speaker(openai_server, voice=own)
    async for _ in engine.speak(Phrase("Good morning.", "en", voice=asked)):
        pass
    assert openai_server.seen[0].fields["voice"] == sent
    assert engine.voices()[0].name == own


async def test_it_is_told_the_pace_unless_that_is_the_usual_one(openai_server: FakeOpenAI) -> None:
    for speed in (1.0, 1.5):
        async for _ in speaker(openai_server).speak(Phrase("Good morning.", "en", speed=speed)):
            pass
    assert [seen.fields.get("speed") for seen in openai_server.seen] == [None, 1.5]


async def test_closing_speech_closes_its_stream(openai_server: FakeOpenAI) -> None:
    openai_server.otherwise = Stall(after=1)
    async with aclosing(speaker(openai_server).speak(PHRASE)) as pieces:
        assert (await anext(pieces)).samples.tolist() == [1, 2]
    [seen] = openai_server.seen
    assert await asyncio.to_thread(seen.ended.wait, 5)
    assert seen.client_left


async def test_failures_that_pass_are_tried_again(openai_server: FakeOpenAI) -> None:
    openai_server.plans = [Refuse(429, retry_after="0"), Cut(after=0), Refuse(500)]
    heard = await transcriber(openai_server).transcribe(UTTERANCE)
    assert (heard.text, len(openai_server.seen)) == ("what are your opening hours", 4)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Refuse(401), "provider_auth"),
        (Refuse(429), "provider_rate_limited"),
        (Refuse(500), "provider_failed"),
        (Stall(), "provider_timeout"),
        (Stall(after=1), "provider_timeout"),
        (Cut(after=0), "provider_unreachable"),
        (Cut(after=1), "provider_cut"),
    ],
    ids=str,
)
async def test_each_failure_of_speech_has_its_code(openai_server: FakeOpenAI, plan: Any, code: str) -> None:
    openai_server.otherwise = plan
    engine = speaker(openai_server, retries=1, timeout_s=0.2 if isinstance(plan, Stall) else 15)
    with pytest.raises(ProviderError) as caught:
        _ = [speech async for speech in engine.speak(PHRASE)]
    assert caught.value.code == code


@pytest.mark.parametrize(("sound", "code"), [((b"\x01\x00\x02",), "provider_cut"), ((), "provider_failed")])
async def test_speech_that_cannot_be_whole_is_a_failure(openai_server: FakeOpenAI, sound: Any, code: str) -> None:
    openai_server.speech = sound
    with pytest.raises(ProviderError) as caught:
        _ = [speech async for speech in speaker(openai_server).speak(PHRASE)]
    assert caught.value.code == code


@pytest.mark.parametrize(("plan", "code"), [(Stall(), "provider_timeout"), (Stall(after=1), "provider_timeout")], ids=str)
async def test_a_recognition_that_hangs_times_out(openai_server: FakeOpenAI, plan: Stall, code: str) -> None:
    openai_server.otherwise = plan
    with pytest.raises(ProviderError) as caught:
        await transcriber(openai_server, timeout_s=0.2).transcribe(UTTERANCE)
    assert (caught.value.code, len(openai_server.seen)) == (code, 1)


def test_without_a_key_they_say_so() -> None:
    for settings in (OpenAITranscription(), OpenAISpeech()):
        assert openai_audio.why_unavailable(settings) == "set OPENAI_API_KEY"
        with pytest.raises(ProviderUnavailable, match="set OPENAI_API_KEY"):
            openai_audio.make(settings, NOWHERE)
