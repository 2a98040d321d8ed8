"""The question that callers in a measurement ask: real speech from the voice we ship, with a clean end."""

import asyncio
from pathlib import Path

import numpy as np

from actors.engines import espeak
from actors.resampling import Resampler
from pipeline.engine_settings import Espeak
from pipeline.ports import LISTENING_RATE, Phrase, Samples

_FRAME = LISTENING_RATE // 50
_AUDIBLE = 300


def question(text: str = "Could you please tell me what your opening hours are on Saturday?") -> Samples:
    """PCM16 at 16 kHz in whole 20 ms frames, whose last frame still holds speech."""
    pieces = asyncio.run(_say(text))
    resampler = Resampler(pieces[0][1], LISTENING_RATE)
    speech = np.concatenate([*(resampler.push(samples) for samples, _ in pieces), resampler.push(_NOTHING, last=True)])
    audible = np.flatnonzero(np.abs(speech) > _AUDIBLE)
    speech = speech[audible[0] : audible[-1] + 1]
    return speech[: len(speech) // _FRAME * _FRAME]


async def _say(text: str) -> list[tuple[Samples, int]]:
    speaker = espeak.make(Espeak(), Path())
    return [(piece.samples, piece.rate) async for piece in speaker.speak(Phrase(text, "en"))]


_NOTHING = np.empty(0, np.int16)
