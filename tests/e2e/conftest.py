"""Real servers for the tests: `parley serve` on a free port, with a Ray cluster, Serve and HAProxy of its own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.server import Running, serving
from pipeline.ports import Samples


@pytest.fixture(scope="session")
def offline() -> Iterator[Running]:
    """The default configuration, with no keys: pocketsphinx, the call flow and eSpeak."""
    with serving("default.yaml", "conversation.greeting=false", "asr.providers=[sphinx]", "llm.providers=[flow]") as server:
        yield server


@pytest.fixture(scope="session")
def simulated() -> Iterator[Running]:
    """Simulated providers, so that many can talk at once."""
    with serving("bench.yaml") as server:
        yield server


@pytest.fixture(scope="session")
def spoken() -> "Spoken":
    return Spoken()


class Spoken:
    """Speech made by the voice that we ship."""

    def __call__(self, text: str, language: str = "en", rate: int = 16_000) -> Samples:
        import asyncio

        from actors.engines import espeak
        from actors.resampling import Resampler
        from pipeline.engine_settings import Espeak
        from pipeline.ports import Phrase

        async def made() -> list[Samples]:
            pieces = [piece async for piece in espeak.make(Espeak(), Path()).speak(Phrase(text, language))]
            resampler = Resampler(pieces[0].rate, rate)
            return [*(resampler.push(piece.samples) for piece in pieces), resampler.push(np.empty(0, np.int16), last=True)]

        return np.concatenate(asyncio.run(made()))
