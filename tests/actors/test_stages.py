import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors import stages
from actors.stages import FarStages, LocalStages, Serve, as_parley_error
from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError, ProviderError
from pipeline.flow import load_flow
from pipeline.loading import load_config
from pipeline.ports import FlowStep, Message, Phrase, Prompt, Transcript, Utterance, Voice
from tests.actors.spoken import silence
from tests.fakes.fake_time import run_in_fake_time

PROMPT = Prompt((Message("user", "Goodbye"),), "en", "clinic")
PHRASE = Phrase("Good morning.", "en")
PATIENCE_S = 0.25
HEARD = (Transcript("hello", "en"), 0.1, ())
THOUGHT = [(0.1, ["One."], ("late",)), (0.2, ["Two."], ())]
STEP = (0.3, [FlowStep({})], ())
SPOKEN = [(0.1, b"\1\0", (), ()), (0.2, b"\2\0", (), ())]


class Wrapped(Exception):
    """As Ray hands on what a task raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a long story")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ClientError("odd", "it is odd"), ("odd", "it is odd")),
        (Wrapped(ProviderError("provider_timeout", "too late")), ("provider_timeout", "too late")),
        (Wrapped(ValueError("private")), ("stage_failed", "a stage of this server failed (Wrapped)")),
        (ValueError("private"), ("stage_failed", "a stage of this server failed (ValueError)")),
    ],
)
def test_a_failure_comes_out_as_one_of_ours(error: Exception, expected: tuple[str, str]) -> None:
    ours = as_parley_error(error)
    assert isinstance(ours, ParleyError)
    assert (ours.code, ours.message) == expected


def test_the_stages_in_one_process() -> None:
    async def job() -> tuple[Any, ...]:
        config = load_config(None, ["asr.providers=[sim]", "llm.providers=[flow]", "tts.providers=[sim]"], {})
        local = LocalStages(config)
        transcript, took_s, did = await local.transcribe(Utterance(silence(100), "en"), PATIENCE_S)
        parts = [part async for _, parts, _ in local.reply(PROMPT, PATIENCE_S) for part in parts]
        audio = b"".join([pcm async for _, pcm, _, _ in local.speak(PHRASE, 8_000, PATIENCE_S)])
        return (transcript.text, took_s, did), parts, len(audio), await local.voices()

    heard, parts, size, voices = run_in_fake_time(job)
    assert heard == ("what are your opening hours on saturday", 0.05, ())
    *phrases, step = parts
    assert " ".join(phrases) == load_flow(Config().flows_dir, "clinic").step("Goodbye", "en", {}, accept=0.5).text
    assert isinstance(step, FlowStep)
    assert step.ends_call is True
    assert size == 2 * 8_000 * 2
    assert voices == (Voice("tone", "", "a tone of 440 Hz, for measurements"),)


class Answer:
    """What a handle's streaming call gives: something to be iterated, and cancelled."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.cancelled = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            await asyncio.sleep(0)
            yield item

    def cancel(self) -> None:
        self.cancelled = True


class Handle:
    def __init__(self, name: str, calls: list[tuple[Any, ...]], answer: Answer) -> None:
        self.name, self.calls, self._answer = name, calls, answer
        self.answer = self

    def options(self, *, stream: bool) -> "Handle":
        assert stream is True
        return self

    def remote(self, *arguments: Any) -> Answer:
        self.calls.append((self.name, *arguments))
        return self._answer


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[Any, ...]], dict[str, Answer], list[str]]:
    calls: list[tuple[Any, ...]] = []
    answers = {"asr": Answer([HEARD]), "llm": Answer([*THOUGHT, STEP]), "tts": Answer(SPOKEN)}
    looked_up: list[str] = []

    def handle(name: str, app_name: str) -> Handle:
        looked_up.append(f"{app_name}.{name}")
        return Handle(name, calls, answers[name])

    monkeypatch.setattr(stages.serve, "get_deployment_handle", handle)
    return calls, answers, looked_up


async def test_the_stages_in_a_cluster(deployed: Any) -> None:
    calls, answers, looked_up = deployed
    cluster = FarStages(Serve())
    assert looked_up == []
    utterance = Utterance(silence(20), "en")
    assert await cluster.transcribe(utterance, 0.1) == HEARD
    assert [item async for item in cluster.reply(PROMPT, 0.2)] == [*THOUGHT, STEP]
    assert [item async for item in cluster.speak(PHRASE, 8_000, 0.3)] == SPOKEN
    assert [item async for item in cluster.speak(PHRASE, 8_000, 0.3)] == SPOKEN
    assert calls == [
        ("asr", "transcribe", utterance, 0.1),
        ("llm", "reply", PROMPT, 0.2),
        ("tts", "speak", PHRASE, 8_000, 0.3),
        ("tts", "speak", PHRASE, 8_000, 0.3),
    ]
    assert looked_up == ["parley.asr", "parley.llm", "parley.tts"]
    assert [answer.cancelled for answer in answers.values()] == [False] * 3


async def test_the_voices_of_a_cluster(deployed: Any) -> None:
    calls, answers, _ = deployed
    voices = (Voice("tone", "", "a tone"),)
    answers["tts"].items = [voices]
    assert await FarStages(Serve()).voices() == voices
    assert calls == [("tts", "voices")]


async def test_a_replica_is_told_when_its_stream_is_left(deployed: Any) -> None:
    _, answers, _ = deployed
    stream = FarStages(Serve()).reply(PROMPT, PATIENCE_S)
    assert await anext(stream) == THOUGHT[0]
    await stream.aclose()
    assert answers["llm"].cancelled is True
