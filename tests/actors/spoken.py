"""Speech to test with, made by eSpeak, as a caller's microphone would bring it: PCM16 at 16 kHz."""

import asyncio
from functools import cache
from pathlib import Path

import numpy as np

from actors.engines import espeak
from actors.resampling import Resampler
from pipeline.engine_settings import Espeak
from pipeline.ports import LISTENING_RATE, Phrase, Samples, Speech


@cache
def spoken(text: str) -> Samples:
    async def speeches() -> list[Speech]:
        return [speech async for speech in espeak.make(Espeak(), Path()).speak(Phrase(text, "en"))]

    made = asyncio.run(speeches())
    return Resampler(made[0].rate, LISTENING_RATE).push(np.concatenate([speech.samples for speech in made]), last=True)


def silence(ms: int) -> Samples:
    return np.zeros(ms * LISTENING_RATE // 1000, np.int16)
