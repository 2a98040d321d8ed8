"""Real servers for the tests: `parley serve` on a free port, with a Ray cluster, Serve and HAProxy of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parley.client import Client
from pipeline.ports import Samples

ROOT = Path(__file__).parent.parent.parent
PARLEY = Path(sys.executable).parent / "parley"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    url: str
    process: subprocess.Popen[str]

    def health(self) -> tuple[int, dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as response:
            return response.status, json.load(response)

    def client(self, rate: int = 16_000, **query: Any) -> Client:
        return Client(self.url, rate, **query)


@contextmanager
def serving(config: str, *settings: str, keys: dict[str, str] | None = None) -> Iterator[Running]:
    """`keys` are environment variables of the server, such as a provider's key."""
    options = [word for setting in ("ray.dashboard=false", *settings) for word in ("--set", setting)]
    command = [str(PARLEY), "serve", "--config", str(ROOT / "configs" / config), "--port", "0", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env={**os.environ, **(keys or {})}
    )
    try:
        yield Running(_address(process), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def _address(process: subprocess.Popen[str]) -> str:
    """Read what the server prints until it says where it listens."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if "listens on" in line:
            return line.split("listens on")[1].split()[0]
    raise AssertionError(f"the server did not start:\n{''.join(seen)}")


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
