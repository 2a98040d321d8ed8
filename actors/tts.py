"""TTS: a phrase as audio at the rate that its caller hears, from the first provider that can."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from actors.gathering import gathered
from actors.providers import Providers
from actors.resampling import Resampler
from pipeline.config import Config
from pipeline.figures import Snapshot
from pipeline.ports import Phrase, Speaker, Speech, Voice, Word

_NOTHING = np.empty(0, np.int16)

TimedSpeech = tuple[float, bytes, tuple[Word, ...], tuple[str, ...]]
"""Seconds until it came, PCM16, the words that begin in it, and what was done because a provider was late."""


class TTS:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Speaker] = Providers(config.tts, config.flows_dir)

    async def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        began = time.monotonic()
        resampler: Resampler | None = None
        source = rate
        did: list[str] = []
        speech = self._providers.stream(lambda engine: engine.speak(phrase), patience_s, did)
        async with aclosing(gathered(speech)) as gatherings:
            async for pieces in gatherings:
                took = time.monotonic() - began
                if resampler is None:
                    source = pieces[0].rate
                    resampler = Resampler(source, rate)
                words = tuple(word for piece in pieces for word in piece.words)
                yield took, _pcm(pieces, resampler), words, tuple(did)
                did.clear()
        if resampler is not None and source != rate:
            tail = resampler.push(_NOTHING, last=True)
            yield time.monotonic() - began, tail.tobytes(), (), ()

    async def voices(self) -> tuple[Voice, ...]:
        """What may be named: of two voices with one name, the better provider's."""
        named: dict[str, Voice] = {}
        for engine in self._providers.engines():
            for voice in await asyncio.to_thread(engine.voices):
                named.setdefault(voice.name, voice)
        return tuple(named.values())

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()

    def figures(self) -> Snapshot:
        return self._providers.figures("tts")


def _pcm(pieces: list[Speech], resampler: Resampler) -> bytes:
    return b"".join(resampler.push(piece.samples).tobytes() for piece in pieces)
