"""Speech recognition and synthesis behind OpenAI's protocol.

Audio goes out as a WAV made in memory and comes back as raw PCM, which is passed on piece by piece as it arrives; a piece may
end in the middle of a sample.
"""

import io
import math
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.engines.cloud import CloudCalls, client_options, what_is_missing
from actors.engines.hints import hint_text
from actors.engines.voices import OPENAI_VOICES
from pipeline.engine_settings import OpenAISpeech, OpenAITranscription, Settings
from pipeline.errors import ProviderError
from pipeline.ports import LISTENING_RATE, Phrase, Samples, Speech, Transcript, Utterance, Voice, Word

if TYPE_CHECKING:
    from openai import AsyncOpenAI

SPEECH_RATE = 24_000
"""Samples a second of the `pcm` format."""

SHORTEST_UTTERANCE_S = 0.1
"""The API refuses less; nobody says a word in it either."""


class OpenAITranscriber:
    def __init__(self, settings: OpenAITranscription, client: "AsyncOpenAI") -> None:
        self._settings = settings
        self._client = client
        self._calls = CloudCalls(settings)

    async def transcribe(self, utterance: Utterance) -> Transcript:
        if len(utterance.samples) < SHORTEST_UTTERANCE_S * LISTENING_RATE:
            return Transcript("", utterance.language)
        request = self._request(utterance)
        async with aclosing(self._calls.parts(lambda: self._attempt(request))) as answers:
            answer = await anext(answers)
        return Transcript(answer.text.strip(), utterance.language, _confidence(answer), _words(answer))

    async def _attempt(self, request: dict[str, Any]) -> AsyncGenerator[Any, None]:
        answer = await self._client.audio.transcriptions.create(**request)
        if not isinstance(getattr(answer, "text", None), str):  # such as the page of a proxy
            raise ProviderError("provider_failed", f"{self._calls.name} sent something that is no transcript.")
        yield answer

    def _request(self, utterance: Utterance) -> dict[str, Any]:
        request = {
            "model": self._settings.model,
            "file": ("speech.wav", _wav(utterance.samples), "audio/wav"),
            "response_format": "json",
        }
        if utterance.language:
            request["language"] = utterance.language
        if prompt := " ".join(filter(None, [hint_text(utterance.phrases), utterance.prompt.strip()])):
            request["prompt"] = prompt
        if "whisper" in self._settings.model:  # only these tell when a word was said
            request |= {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
        elif self._settings.model.startswith("gpt-4o"):  # and only these how sure they were
            request["include"] = ["logprobs"]
        return request


class OpenAISpeaker:
    def __init__(self, settings: OpenAISpeech, client: "AsyncOpenAI") -> None:
        self._settings = settings
        self._client = client
        self._calls = CloudCalls(settings)

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        async with aclosing(self._calls.parts(lambda: self._attempt(phrase))) as pieces:
            async for speech in pieces:
                yield speech

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(name, "", f"{self._calls.name}, {self._settings.model}") for name in self._names())

    def _names(self) -> tuple[str, ...]:
        """Its own first. A server whose own voice is none of OpenAI's has voices that only it knows."""
        own = self._settings.voice
        return (own, *(name for name in OPENAI_VOICES if name != own)) if own in OPENAI_VOICES else (own,)

    async def _attempt(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        from openai import omit

        names = self._names()
        request = self._client.audio.speech.with_streaming_response.create(
            model=self._settings.model,
            voice=phrase.voice if phrase.voice in names else names[0],
            input=phrase.text,
            response_format="pcm",
            speed=omit if phrase.speed == 1 else phrase.speed,
        )
        came, rest = False, b""
        async with request as response:
            async for piece in response.iter_bytes():
                piece = rest + piece
                whole = len(piece) & ~1
                rest = piece[whole:]
                if whole:
                    came = True
                    yield Speech(np.frombuffer(piece, "<i2", whole // 2), SPEECH_RATE)
        if rest:
            raise ProviderError("provider_cut", f"The speech of {self._calls.name} ended in the middle of a sample.")
        if not came:
            raise ProviderError("provider_failed", f"The speech of {self._calls.name} has no sound.", retryable=False)


def why_unavailable(settings: Settings) -> str | None:
    assert isinstance(settings, OpenAITranscription | OpenAISpeech)
    return what_is_missing(settings)


def make(settings: Settings, flows_dir: Path) -> OpenAITranscriber | OpenAISpeaker:
    assert isinstance(settings, OpenAITranscription | OpenAISpeech)
    options = client_options(settings)
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=settings.base_url, **options)
    if isinstance(settings, OpenAITranscription):
        return OpenAITranscriber(settings, client)
    return OpenAISpeaker(settings, client)


def _wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(LISTENING_RATE)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def _confidence(answer: Any) -> float | None:
    """The geometric mean of the probabilities of what was heard, where the answer tells them."""
    tokens = [token.logprob for token in getattr(answer, "logprobs", None) or ()]
    segments = [segment.avg_logprob for segment in getattr(answer, "segments", None) or ()]
    logarithms = [value for value in tokens or segments if value is not None]
    return min(1.0, math.exp(sum(logarithms) / len(logarithms))) if logarithms else None


def _words(answer: Any) -> tuple[Word, ...]:
    return tuple(Word(word.word.strip(), word.start, word.end) for word in getattr(answer, "words", None) or ())
