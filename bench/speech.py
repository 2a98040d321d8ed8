"""Speech from the voice that we ship, and the question that callers in a measurement ask."""

import asyncio
import subprocess
import sys
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
    """As a microphone would bring it, and always the same.

    The engine's noise goes on from one text to the next, so what it says depends on what it has said: each text has a process
    of its own.
    """
    command = [sys.executable, "-m", "bench.speech", text, language, str(rate)]
    made = subprocess.run(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(made.stdout, np.int16).copy()


def question(
    text: str = "Could you please tell me what your opening hours are on Saturday?", rate: int = LISTENING_RATE
) -> Samples:
    """Whole 20 ms frames with a clean end: the last one still holds speech."""
    speech = say(text, rate=rate)
    audible = np.flatnonzero(np.abs(speech) > _AUDIBLE)
    speech = speech[audible[0] : audible[-1] + 1]
    frame = rate // 50
    return speech[: len(speech) // frame * frame]


async def _synthesise(text: str, language: str, rate: int) -> Samples:
    made: list[Speech] = [piece async for piece in espeak.make(Espeak(), Path()).speak(Phrase(text, language))]
    return Resampler(made[0].rate, rate).push(np.concatenate([piece.samples for piece in made]), last=True)


if __name__ == "__main__":
    sys.stdout.buffer.write(asyncio.run(_synthesise(sys.argv[1], sys.argv[2], int(sys.argv[3]))).tobytes())
