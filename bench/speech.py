"""Speech from the voice that we ship, and the question that callers in a measurement ask."""

import asyncio
from functools import cache
from pathlib import Path

import numpy as np

from actors.engines import espeak
from actors.resampling import Resampler
from pipeline.engine_settings import Espeak
from pipeline.ports import LISTENING_RATE, Phrase, Samples, Speech

_AUDIBLE = 300


@cache
def say(text: str, language: str = "en", rate: int = LISTENING_RATE) -> Samples:
    """As a microphone would bring it; not to be called from within an event loop."""

    async def pieces() -> list[Speech]:
        return [piece async for piece in espeak.make(Espeak(), Path()).speak(Phrase(text, language))]

    made = asyncio.run(pieces())
    return Resampler(made[0].rate, rate).push(np.concatenate([piece.samples for piece in made]), last=True)


def question(
    text: str = "Could you please tell me what your opening hours are on Saturday?", rate: int = LISTENING_RATE
) -> Samples:
    """Whole 20 ms frames with a clean end: the last one still holds speech."""
    speech = say(text, rate=rate)
    audible = np.flatnonzero(np.abs(speech) > _AUDIBLE)
    speech = speech[audible[0] : audible[-1] + 1]
    frame = rate // 50
    return speech[: len(speech) // frame * frame]
