"""What a conversation asked for comes back as events, until it is abandoned."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from actors.errands import Errands
from pipeline import events as on
from pipeline.commands import Speak, Think, Transcribe
from pipeline.errors import Fault, ProviderError
from pipeline.ports import CallDelta, Finish, FlowStep, Message, Phrase, Prompt, Transcript, Usage, Utterance, Word
from pipeline.work import Work
from tests.actors.spoken import silence
from tests.fakes.fake_time import run_in_fake_time

HEARING, ANSWERING = Work(3, 7), Work(3, 8)
TRANSCRIBE = Transcribe(HEARING, 160, 1_760, "es", ("sí",), patience_s=0.1)
THINK = Think(ANSWERING, Prompt((Message("user", "Goodbye"),), "en", "clinic"), patience_s=0.2)
SPEAK = Speak(ANSWERING, 4, Phrase("Good morning.", "en"), 8_000, patience_s=0.3)
STEP = FlowStep({"asks": "slot"})
HEARD = Transcript("buenos días", "es")
WORDS = (Word("Good", 0, 0.2), Word("morning.", 0.2, 0.5))
LATE = ("slow was late: asked quick too",)


class Plan:
    """Stages that take a second for each answer, or fail after one; a reply has no end unless it is told to have one."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.answers: tuple[list[Any], ...] = ([STEP, "One."], ["Two."], ["Three.", "Four."])
        """What a reply brings, second by second."""
        self.asked: list[tuple[Any, ...]] = []
        self.under_way = 0

    async def _work(self, *request: Any) -> AsyncGenerator[int, None]:
        self.asked.append(request)
        self.under_way += 1
        try:
            for second in range(1, 4):
                await asyncio.sleep(1)
                if self.fails is not None:
                    raise self.fails
                yield second
        finally:
            self.under_way -= 1

    async def transcribe(self, utterance: Utterance, patience_s: float) -> Any:
        work = self._work(utterance, patience_s)
        try:
            return HEARD, float(await anext(work)), LATE
        finally:
            await work.aclose()

    async def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[Any, None]:
        work = self._work(prompt, patience_s)
        try:
            async for second in work:
                yield float(second), self.answers[second - 1], LATE if second == 1 else ()
        finally:
            await work.aclose()

    async def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[Any, None]:
        work = self._work(phrase, rate, patience_s)
        try:
            async for second in work:
                yield float(second), bytes([second, 0]), WORDS if second == 1 else (), LATE if second == 1 else ()
        finally:
            await work.aclose()


class Conversation:
    """Takes what its errands bring."""

    def __init__(self, stages: Plan) -> None:
        self.stages = stages
        self.got: list[on.Event] = []
        self.then: Callable[[on.Event], None] = lambda event: None
        """What it does on each event."""
        self.errands = Errands("2a", stages, self._take)

    def _take(self, event: on.Event) -> None:
        self.got.append(event)
        self.then(event)

    def ask_for_all(self) -> None:
        self.errands.transcribe(TRANSCRIBE, silence(100))
        self.errands.run(THINK)
        self.errands.run(SPEAK)


def in_fake_time(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_in_fake_time(job)


def test_a_transcript() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.errands.transcribe(TRANSCRIBE, silence(100))
        await asyncio.sleep(60)
        assert conversation.got == [on.Transcribed(HEARING, HEARD, 1.0, LATE)]
        ((utterance, patience_s),) = conversation.stages.asked
        assert (utterance.language, utterance.phrases, patience_s) == ("es", ("sí",), 0.1)
        assert np.array_equal(utterance.samples, silence(100))

    in_fake_time(job)


def test_a_reply_and_where_the_flow_stands_after_it() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.errands.run(THINK)
        await asyncio.sleep(60)
        assert conversation.got == [
            on.ReplyGrew(ANSWERING, "One.", 1.0, LATE),
            on.ReplyGrew(ANSWERING, "Two.", 2.0, ()),
            on.ReplyGrew(ANSWERING, "Three.", 3.0, ()),
            on.ReplyGrew(ANSWERING, "Four.", 3.0, ()),
            on.ReplyEnded(ANSWERING, STEP),
        ]
        assert conversation.stages.asked == [(THINK.prompt, 0.2)]

    in_fake_time(job)


def test_calls_of_a_reply_keep_their_place_and_its_end_is_told_last() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        first, more = CallDelta("call_1", "weather", '{"city":'), CallDelta("call_1", "weather", ' "Bonn"}')
        finish = Finish(Usage(12, 7), "max_output_tokens")
        conversation.stages.answers = (["Let me look.", first], [more], [finish])
        conversation.errands.run(THINK)
        await asyncio.sleep(60)
        assert conversation.got == [
            on.ReplyGrew(ANSWERING, "Let me look.", 1.0, LATE),
            on.CallGrew(ANSWERING, first, 1.0),
            on.CallGrew(ANSWERING, more, 2.0),
            on.ReplyEnded(ANSWERING, None, finish),
        ]

    in_fake_time(job)


def test_speech_at_the_rate_that_the_caller_hears() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.errands.run(SPEAK)
        await asyncio.sleep(60)
        assert conversation.got == [
            on.SpeechMade(ANSWERING, 4, b"\1\0", WORDS, 1.0, LATE),
            on.SpeechMade(ANSWERING, 4, b"\2\0", (), 2.0, ()),
            on.SpeechMade(ANSWERING, 4, b"\3\0", (), 3.0, ()),
            on.PhraseEnded(ANSWERING, 4),
        ]
        assert conversation.stages.asked == [(SPEAK.phrase, 8_000, 0.3)]

    in_fake_time(job)


def test_it_knows_what_is_under_way() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.ask_for_all()
        assert conversation.errands.at_stage == {"asr": 1, "llm": 1, "tts": 1}
        counts = [conversation.errands.under_way]
        for pause_s in (0.5, 1, 2):
            await asyncio.sleep(pause_s)
            counts.append(conversation.errands.under_way)
        assert counts == [3, 3, 2, 0]
        assert conversation.errands.at_stage == {"asr": 0, "llm": 0, "tts": 0}

    in_fake_time(job)


@pytest.mark.parametrize(
    ("error", "code", "message", "fault"),
    [
        (ProviderError("sim_error", "it failed"), "sim_error", "it failed", Fault.PROVIDER),
        (ValueError("private"), "stage_failed", "a stage of this server failed (ValueError)", Fault.SERVER),
    ],
)
def test_what_fails_is_told_with_its_work(error: Exception, code: str, message: str, fault: Fault) -> None:
    async def job() -> None:
        conversation = Conversation(Plan(fails=error))
        conversation.ask_for_all()
        await asyncio.sleep(60)
        assert conversation.got == [on.StageFailed(work, code, message, fault) for work in (HEARING, ANSWERING, ANSWERING)]
        assert (conversation.errands.under_way, conversation.stages.under_way) == (0, 0)

    in_fake_time(job)


def test_what_is_abandoned_is_cancelled_with_its_request_and_all_else_goes_on() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.ask_for_all()
        await asyncio.sleep(0.5)
        conversation.errands.abandon(ANSWERING)
        assert conversation.errands.under_way == 1
        await asyncio.sleep(0)
        assert conversation.stages.under_way == 1
        await asyncio.sleep(60)
        assert conversation.got == [on.Transcribed(HEARING, HEARD, 1.0, LATE)]

    in_fake_time(job)


def test_all_of_it_may_be_abandoned_at_once() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.ask_for_all()
        await asyncio.sleep(0.5)
        conversation.errands.abandon_all()
        await asyncio.sleep(60)
        assert (conversation.got, conversation.errands.under_way, conversation.stages.under_way) == ([], 0, 0)

    in_fake_time(job)


@pytest.mark.filterwarnings("error:coroutine")
def test_it_may_be_abandoned_before_it_began() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.ask_for_all()
        conversation.errands.abandon_all()
        await asyncio.sleep(60)
        assert (conversation.got, conversation.stages.asked) == ([], [])

    # What other tests left behind says nothing of this one.
    gc.collect()
    in_fake_time(job)
    gc.collect()


@pytest.mark.parametrize("command", [THINK, SPEAK])
def test_it_may_be_abandoned_for_what_it_brought(command: Think | Speak) -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.then = lambda event: conversation.errands.abandon(ANSWERING)
        conversation.errands.run(command)
        await asyncio.sleep(1.5)
        assert len(conversation.got) == 1
        assert (conversation.errands.under_way, conversation.stages.under_way) == (0, 0)
        await asyncio.sleep(60)
        assert len(conversation.got) == 1

    in_fake_time(job)


def test_a_failure_may_abandon_its_own_work() -> None:
    async def job() -> None:
        conversation = Conversation(Plan(fails=ValueError()))
        conversation.then = lambda event: conversation.errands.abandon(ANSWERING)
        conversation.errands.run(THINK)
        conversation.errands.run(SPEAK)
        await asyncio.sleep(60)
        (failed,) = conversation.got
        assert isinstance(failed, on.StageFailed)
        assert conversation.errands.under_way == 0

    in_fake_time(job)


def test_work_that_was_abandoned_may_be_asked_for_again() -> None:
    async def job() -> None:
        conversation = Conversation(Plan())
        conversation.errands.transcribe(TRANSCRIBE, silence(100))
        await asyncio.sleep(0.5)
        conversation.errands.abandon(HEARING)
        conversation.errands.transcribe(TRANSCRIBE, silence(100))
        await asyncio.sleep(0.75)
        assert conversation.errands.under_way == 1
        await asyncio.sleep(60)
        assert len(conversation.got) == 1

    in_fake_time(job)
