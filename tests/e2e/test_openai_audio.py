"""Speech, transcription, models and voices through OpenAI's SDK."""

import asyncio
import io
import json
import wave

import av
import httpx
import numpy as np
import openai
import pytest

from bench.server import Running
from pipeline.ports import LISTENING_RATE, Samples
from tests.e2e.conftest import Spoken
from tests.e2e.openai_talk import client_of

QUESTION = "What are your opening hours on Saturday?"
WORDS = "what are your opening hours on saturday"
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def wav_of(samples: Samples) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(LISTENING_RATE)
        file.writeframes(samples.tobytes())
    return held.getvalue()


def seconds_of(audio: bytes, form: str) -> float:
    """How long it sounds, by decoding all of it."""
    if form == "pcm":
        return len(audio) / 2 / 24_000
    with av.open(io.BytesIO(audio), "r") as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))


@pytest.fixture(scope="module")
def question(spoken: Spoken) -> bytes:
    return wav_of(spoken(QUESTION))


@pytest.mark.parametrize("form", TYPES)
async def test_speech_comes_in_every_format(offline: Running, form: str) -> None:
    async with client_of(offline) as client:
        answer = await client.audio.speech.with_raw_response.create(
            model="tts-1",
            voice="alloy",
            input="We are open from nine until one.",
            response_format=form,  # pyright: ignore
        )
    assert answer.headers["content-type"].partition(";")[0] == TYPES[form]
    assert 1.5 < seconds_of(answer.content, form) < 4


async def test_speech_is_quicker_when_asked_for(offline: Running) -> None:
    async def seconds(speed: float) -> float:
        async with client_of(offline) as client:
            made = await client.audio.speech.create(
                model="tts-1", voice="alloy", input="We are open from nine until one.", speed=speed, response_format="pcm"
            )
        return seconds_of(made.content, "pcm")

    assert await seconds(2.0) < 0.7 * await seconds(1.0)


async def test_speech_comes_as_events(offline: Running) -> None:
    async with (
        client_of(offline) as client,
        client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="alloy", input="Good day.", response_format="pcm", stream_format="sse"
        ) as answer,
    ):
        kinds = [json.loads(line.removeprefix("data:"))["type"] async for line in answer.iter_lines() if line]
    assert set(kinds[:-1]) == {"speech.audio.delta"}
    assert kinds[-1] == "speech.audio.done"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"response_format": "midi"}, "response_format"),
        ({"speed": 9.0}, "speed"),
        ({"input": ""}, "input"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_named(offline: Running, change: dict[str, object], param: str) -> None:
    wish: dict[str, object] = {"model": "tts-1", "voice": "alloy", "input": "Hello.", **change}
    async with client_of(offline) as client:
        with pytest.raises(openai.BadRequestError) as refusal:
            await client.audio.speech.create(**wish)  # pyright: ignore
    assert refusal.value.param == param


async def test_a_recording_is_written_down(offline: Running, question: bytes) -> None:
    async with client_of(offline) as client:
        made = await client.audio.transcriptions.create(
            model="whisper-1", file=("question.wav", question), language="en", response_format="verbose_json"
        )
    assert (made.text, [segment.text.strip() for segment in made.segments or ()]) == (WORDS, [WORDS])
    assert 1.5 < made.duration < 4


async def test_a_transcription_grows(offline: Running, question: bytes) -> None:
    async with client_of(offline) as client:
        stream = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("question.wav", question), language="en", stream=True
        )
        events = [event async for event in stream]
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == WORDS
    assert [event.text for event in events if event.type == "transcript.text.done"] == [WORDS]


async def test_what_is_no_recording_is_refused(offline: Running) -> None:
    async with client_of(offline) as client:
        with pytest.raises(openai.BadRequestError) as refusal:
            await client.audio.transcriptions.create(model="whisper-1", file=("notes.wav", b"these are words"))
    assert refusal.value.code is not None


async def test_what_was_spoken_is_understood_again(offline: Running) -> None:
    async with client_of(offline) as client:
        made = await client.audio.speech.create(model="tts-1", voice="alloy", input=QUESTION, response_format="mp3")
        heard = await client.audio.transcriptions.create(model="whisper-1", file=("question.mp3", made.content), language="en")
    assert heard.text == WORDS


async def test_models_are_listed_and_looked_up(offline: Running) -> None:
    async with client_of(offline) as client:
        listed = [model.id async for model in client.models.list()]
        assert listed != []
        assert (await client.models.retrieve(listed[0])).id == listed[0]
        with pytest.raises(openai.NotFoundError) as refusal:
            await client.models.retrieve("nothing-of-the-kind")
    assert refusal.value.code == "model_not_found"


async def test_voices_are_listed_and_each_of_them_speaks(offline: Running) -> None:
    async with httpx.AsyncClient(base_url=f"{offline.url}/v1") as http, client_of(offline) as client:
        listed = (await http.get("/audio/voices")).json()
        names = [voice["id"] if isinstance(voice, dict) else voice for voice in listed.get("voices") or listed["data"]]
        spoken = await asyncio.gather(
            *(
                client.audio.speech.create(model="tts-1", voice=name, input="Good day.", response_format="pcm")
                for name in names[:4]
            )
        )
    assert [np.frombuffer(one.content, np.int16).any() for one in spoken] == [True] * len(names[:4])
