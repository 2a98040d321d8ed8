"""Real servers for the tests: `parley serve` on a free port, with a Ray cluster, Serve and HAProxy of its own."""

from collections.abc import Callable, Iterator

import pytest

from bench.server import Running, serving
from bench.speech import say
from pipeline.ports import Samples

ROOM = "server.most_lag_ms=5000"
"""However slow the machine is, nobody is turned away."""


@pytest.fixture(scope="session")
def offline() -> Iterator[Running]:
    """The default configuration, with no keys: pocketsphinx, the call flow and eSpeak."""
    settings = ("conversation.greeting=false", "asr.providers=[sphinx]", "llm.providers=[flow]", ROOM)
    with serving("default.yaml", *settings) as server:
        yield server


@pytest.fixture(scope="session")
def simulated() -> Iterator[Running]:
    """Simulated providers, so that many can talk at once."""
    with serving("bench.yaml", ROOM) as server:
        yield server


Spoken = Callable[..., Samples]


@pytest.fixture(scope="session")
def spoken() -> Spoken:
    """Speech made by the voice that we ship."""
    return say
