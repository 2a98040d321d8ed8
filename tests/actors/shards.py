"""A shard with real voice activity detection and simulated providers, and a gateway that the test plays."""

import asyncio
import pickle
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast

import numpy as np

from actors.asr import TimedTranscript
from actors.buffer import BufferActor
from actors.inbox import Opening, Rejoin
from actors.judging import Detector
from actors.line import Line
from actors.llm import TimedParts
from actors.outbox import Delivery, ForClient, Lag, NotHere, Progress, Rejoined
from actors.stages import LocalStages, Stages
from actors.tts import TimedSpeech
from actors.vad import VADActor
from pipeline.config import Config
from pipeline.events import FromCaller
from pipeline.journal import Snapshot
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.ports import Phrase, Prompt, Samples, Speech, TextDelta, Utterance, Word
from pipeline.ticks import Tick
from tests.actors.spoken import silence, spoken
from tests.fakes.fake_time import run_in_fake_time

QUESTION = "What are your opening hours on Saturday?"
ANSWER = "On Saturday the clinic is open from nine until one."
SETTINGS = (
    "asr.providers=[sim]",
    "llm.providers=[sim]",
    "tts.providers=[sim]",
    "asr.engines.sim.delay_ms=50",
    "llm.engines.sim.delay_ms=100",
    "llm.engines.sim.token_gap_ms=0",
    f"llm.engines.sim.text={ANSWER}",
    "tts.engines.sim.delay_ms=40",
    "tts.engines.sim.duration_ms=600",
    "turn.detection=server_vad",
    "turn.silence_ms=200",
    "turn.partial_every_ms=0",
    "conversation.speculation=false",
)
AHEAD = ("turn.detection=semantic_vad", "turn.silence_ms=1000", "conversation.speculation=true")
"""The end of a turn follows its words, and its reply is prepared."""
IDLE = {"conversations": 0, "queued_windows": 0, "work": 0, "held_ms": 0}


def config(*overrides: str) -> Config:
    return load_config(None, [*SETTINGS, *overrides], {})


class Detection:
    """The VAD actor in this process; it fails as often as it is told to before it answers."""

    def __init__(self, settings: Config, failures: int = 0, takes_s: float = 0.001) -> None:
        self.actor = VADActor(settings)
        self.failures = failures
        self.takes_s = takes_s
        self.calls = 0

    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        await asyncio.sleep(self.takes_s)
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the actor died")
        return self.actor.detect(ids, windows, gone)


class StuckStages:
    """Stages that never answer, and count who waits for them."""

    def __init__(self) -> None:
        self.waiting = self.asked = 0
        self.stuck = asyncio.Event()

    async def _wait(self) -> None:
        self.waiting += 1
        self.asked += 1
        self.stuck.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        await self._wait()
        raise AssertionError

    async def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        await self._wait()
        yield 0.0, [], ()

    async def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        await self._wait()
        yield 0.0, b"", (), ()


class Thinker:
    """Says the same to everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta, None]:
        self.prompts.append(prompt)
        yield TextDelta(ANSWER)


class Speaker:
    """Takes 300 ms for a word, and says when."""

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        for number, text in enumerate(phrase.text.split()):
            word = Word(text, 0.3 * number, 0.3 * (number + 1))
            yield Speech(np.ones(7_200, np.int16), 24_000, (word,))


class _Line:
    """The shard's end of a line."""

    def __init__(self, take: Callable[[list[tuple[int, Delivery]]], None]) -> None:
        self._take = take

    def send(self, message: list[tuple[int, Delivery]]) -> None:
        self._take(pickle.loads(pickle.dumps(message)))


class Gateway:
    """What a gateway does: sends what its callers say, and keeps what they should get."""

    def __init__(self, shard: BufferActor, *, greets: bool = False) -> None:
        self.shard = shard
        self.greets = greets
        self.line = cast(Line, _Line(self._take))
        self.told: dict[int, list[Delivery]] = defaultdict(list)
        self.got: dict[int, list[ForClient]] = defaultdict(list)
        """What is for clients of what was told."""
        self._news = asyncio.Event()

    def send(
        self,
        *,
        openings: Sequence[int] = (),
        audio: Sequence[tuple[int, Samples]] = (),
        events: Sequence[tuple[int, FromCaller]] = (),
        secret: str = "",
    ) -> None:
        opened = [Opening(caller, "clinic", Manner("en", 24_000, greets=self.greets), secret) for caller in openings]
        self.send_raw(opened, Tick.pack((caller, samples.tobytes()) for caller, samples in audio), list(events))

    def send_raw(self, openings: Sequence[Opening | Rejoin], audio: Tick, events: list[tuple[int, FromCaller]]) -> None:
        # Nothing that one end changes afterwards may change at the other.
        self.shard.take(self.line, pickle.loads(pickle.dumps((list(openings), audio, events))))

    def rejoin(self, caller: int, secret: str) -> None:
        self.send_raw([Rejoin(caller, secret)], Tick.pack([]), [])

    def _take(self, deliveries: list[tuple[int, Delivery]]) -> None:
        for caller, delivery in deliveries:
            if isinstance(delivery, Lag | Progress):
                continue
            self.told[caller].append(delivery)
            if not isinstance(delivery, Snapshot | Rejoined | NotHere):
                self.got[caller].append(delivery)
        self._news.set()

    def dies(self) -> None:
        """Its line breaks."""
        self.shard._lost(self.line)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for news until something is so; a minute of fake time is enough for everything."""
        async with asyncio.timeout(60):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_all(self, callers: Sequence[int], kind: type) -> None:
        await self.until(lambda: all(self.notices(caller, kind) for caller in callers))

    async def talk(self, audio: Samples, *callers: int) -> None:
        """Sends what these callers say, 20 ms at a time as it is spoken."""
        for start in range(0, len(audio), 320):
            self.send(audio=[(caller, audio[start : start + 320]) for caller in callers])
            await asyncio.sleep(0.02)

    def notices(self, caller: int, *kinds: type) -> list[Any]:
        return [delivery for delivery in self.told[caller] if isinstance(delivery, kinds)]

    def audio(self, caller: int) -> bytes:
        return b"".join(self.notices(caller, bytes))


def shard(*overrides: str, stages: Stages | None = None, detector: Detector | None = None) -> BufferActor:
    """A shard that has begun to work."""
    settings = config(*overrides)
    actor = BufferActor(settings, stages or LocalStages(settings), detector or Detection(settings))
    actor._start()
    return actor


def turn_of_speech() -> Samples:
    return np.concatenate([silence(300), spoken(QUESTION), silence(400)])


def in_fake_time(job: Callable[[], Any]) -> Any:
    turn_of_speech()  # made on a real clock
    return run_in_fake_time(job)
