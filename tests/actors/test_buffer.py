"""A shard on a clock that jumps.

What a conversation does in which case is tested with the brain alone; here are the things that a shard adds.
"""

import asyncio
import gc
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from actors import buffer
from actors.asr import TimedTranscript
from actors.inbox import Opening
from actors.stages import LocalStages
from pipeline import figures as of
from pipeline.conversation import Conversation
from pipeline.errors import Fault
from pipeline.events import FromCaller, HungUp, StopAsked, Typed
from pipeline.history import CUT
from pipeline.manner import Manner
from pipeline.notices import (
    AudioDone,
    AudioStarted,
    CallerBegan,
    CallerStopped,
    Failed,
    Heard,
    Held,
    Interrupted,
    Said,
    TurnReport,
)
from pipeline.ports import Message, Utterance
from pipeline.speculation import Books
from pipeline.ticks import Tick
from tests.actors.shards import (
    AHEAD,
    ANSWER,
    IDLE,
    QUESTION,
    Detection,
    Gateway,
    Speaker,
    StuckStages,
    Thinker,
    config,
    in_fake_time,
    shard,
    turn_of_speech,
)
from tests.actors.spoken import silence, spoken

# A turn


@pytest.mark.parametrize("overrides", [(), ("vad.window=1024", "vad.overlap=0.5")])
def test_speech_goes_in_and_news_and_audio_come_out_in_order(overrides: tuple[str, ...]) -> None:
    async def job() -> None:
        gateway = Gateway(shard(*overrides))
        gateway.send(openings=[7])
        await gateway.talk(turn_of_speech(), 7)
        await gateway.until(lambda: gateway.notices(7, AudioDone))
        got = gateway.got[7]
        kinds = [type(delivery) for delivery in got]
        assert kinds == [CallerBegan, CallerStopped, Heard, Said, Said, AudioStarted, bytes, TurnReport, AudioDone]
        began, stopped = got[0], got[1]
        assert isinstance(began, CallerBegan)
        assert isinstance(stopped, CallerStopped)
        assert began.at_ms <= 300 <= began.at_ms + 350
        assert abs(stopped.at_ms - (300 + len(spoken(QUESTION)) / 16)) < 250
        assert got[2] == Heard(1, "what are your opening hours on saturday", True, "en", 1.0)
        assert got[4] == Said(1, ANSWER, final=True)
        (report,) = gateway.notices(7, TurnReport)
        assert (report.latency.asr_ms, report.latency.llm_ms, report.latency.tts_ms) == (50, 100, 40)
        assert 200 <= report.latency.endpoint_ms <= 300
        assert 0 <= report.latency.overhead_ms <= 5
        assert gateway.notices(7, AudioDone) == [AudioDone(1, 600)]
        assert len(gateway.audio(7)) == 2 * 24_000 * 600 // 1000
        status = await gateway.shard.status()
        assert (status["opened"], status["answered"], status["failures"]) == (1, 1, 0)
        standing = await gateway.shard.standing(0.0)
        assert standing.status == status
        assert [turn.total_ms for turn in standing.turns] == [report.latency.total_ms]
        assert of.values(standing.figures, of.TURNS)[(report.met,)] == 1

    in_fake_time(job)


def test_a_gateway_brings_the_settings_of_its_conversations_but_windows_are_the_shards() -> None:
    async def job() -> list[int]:
        held = shard()
        before, later = Gateway(held), Gateway(held)
        held.take(later.line, config("turn.silence_ms=600", "vad.window=1024", "vad.overlap=0.5"))
        before.send(openings=[1])
        later.send(openings=[2])
        speech = np.concatenate([turn_of_speech(), silence(400)])
        await asyncio.gather(before.talk(speech, 1), later.talk(speech, 2))
        await before.until_all([1], TurnReport)
        await later.until_all([2], TurnReport)
        reports = before.notices(1, TurnReport) + later.notices(2, TurnReport)
        return [report.latency.endpoint_ms // 100 for report in reports]

    assert in_fake_time(job) == [2, 6]


def test_windows_that_overlap_are_judged_by_what_is_new_in_them() -> None:
    async def job(*overrides: str) -> list[Any]:
        gateway = Gateway(shard(*overrides))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, CallerStopped))
        return gateway.notices(1, CallerBegan, CallerStopped)

    overlapping = in_fake_time(lambda: job("vad.window=1024", "vad.overlap=0.5"))
    assert overlapping == in_fake_time(job)


def test_what_is_transcribed_is_what_was_said() -> None:
    class Listening(StuckStages):
        async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
            heard.append(utterance)
            return await super().transcribe(utterance, patience_s)

    heard: list[Utterance] = []

    async def job() -> None:
        gateway = Gateway(shard(stages=Listening()))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, CallerStopped))
        await asyncio.sleep(0)
        (utterance,) = heard
        began, stopped = (notice.at_ms * 16 for notice in gateway.notices(1, CallerBegan, CallerStopped))
        assert np.array_equal(utterance.samples, turn_of_speech()[began : stopped + 3_200])
        assert "what are your opening hours on saturday" in utterance.phrases

    in_fake_time(job)


def test_a_reply_is_prepared_and_released_when_the_turn_has_ended() -> None:
    async def job() -> None:
        gateway = Gateway(shard(*AHEAD, "llm.engines.sim.delay_ms=50"))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        kinds = [type(delivery) for delivery in gateway.got[1]]
        assert kinds == [CallerBegan, CallerStopped, Heard, Said, AudioStarted, bytes, TurnReport, AudioDone]
        (report,) = gateway.notices(1, TurnReport)
        assert report.speculated is True
        # A complete sentence needs 250 ms of silence, and everything else happened in them.
        assert report.latency.endpoint_ms == report.latency.total_ms <= 250 + 100
        status = await gateway.shard.status()
        assert status["lag_ms"] < 25

    in_fake_time(job)


def test_a_turn_may_end_by_its_words_when_no_more_audio_comes() -> None:
    async def job() -> None:
        gateway = Gateway(shard(*AHEAD, "asr.engines.sim.delay_ms=2000"))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        assert gateway.notices(1, CallerStopped) == []
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert gateway.notices(1, Heard) == [Heard(1, "what are your opening hours on saturday", True, "en", 1.0)]

    in_fake_time(job)


def test_books_of_preparing_are_kept_for_all_conversations_and_beyond_their_end() -> None:
    async def job() -> None:
        gateway = Gateway(shard(*AHEAD))
        gateway.send(openings=[1, 2])
        await gateway.talk(turn_of_speech(), 1, 2)
        await gateway.until_all([1, 2], AudioDone)
        both = (await gateway.shard.status())["speculation"]
        # Words, a reply and its voice for each, once.
        assert both == asdict(Books(started=2, used=2, calls=6))
        gateway.send(events=[(1, HungUp())])
        await gateway.until(lambda: None in gateway.got[1])
        assert (await gateway.shard.status())["speculation"] == both

    in_fake_time(job)


def test_a_shard_under_load_prepares_nothing() -> None:
    async def job() -> None:
        gateway = Gateway(shard(*AHEAD, detector=Detection(config(), takes_s=0.12)))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        (report,) = gateway.notices(1, TurnReport)
        assert report.speculated is False
        status = await gateway.shard.status()
        assert (status["lag_ms"] > 80, status["late_ms"] > 110, status["speculation"]["started"]) == (True, True, 0)

    in_fake_time(job)


def test_a_caller_who_speaks_over_the_reply_stops_it_and_only_what_was_heard_is_remembered() -> None:
    speech = spoken(QUESTION)
    speech = np.concatenate([speech[np.argmax(np.abs(speech) > 1_000) :], silence(400)])

    async def job() -> None:
        settings = config()
        stages = LocalStages(settings)
        thinker = stages._llm._providers._all[0].engine = Thinker()
        stages._tts._providers._all[0].engine = Speaker()
        gateway = Gateway(shard(stages=stages))
        loop = asyncio.get_running_loop()
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(1, AudioStarted))
        sounded_at = loop.time()
        await gateway.talk(silence(1_000), 1)
        spoke_at = loop.time()
        speaking = asyncio.create_task(gateway.talk(speech, 1))
        await gateway.until(lambda: gateway.notices(1, Held))
        held_at = loop.time()
        assert held_at - spoke_at <= 0.25
        await gateway.until(lambda: len(thinker.prompts) == 2)
        await speaking
        await gateway.until(lambda: len(gateway.notices(1, AudioStarted)) == 2)
        deliveries = [type(delivery) for delivery in gateway.got[1]]
        assert bytes not in deliveries[deliveries.index(Held) : len(deliveries) - deliveries[::-1].index(AudioStarted) - 1]
        heard = [word for number, word in enumerate(ANSWER.split()) if 0.3 * number + 0.15 <= held_at - sounded_at]
        assert len(heard) in (4, 5)
        (interrupted,) = gateway.notices(1, Interrupted)
        assert interrupted == Interrupted(1, round(1000 * (held_at - sounded_at)), " ".join(heard))
        assert thinker.prompts[1].messages == (
            Message("user", "are you open?"),
            Message("assistant", " ".join(heard) + CUT),
            Message("user", "what are your opening hours on saturday"),
        )

    in_fake_time(job)


def test_conversations_do_not_mix() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        callers = list(range(1, 21))
        gateway.send(openings=callers)
        await gateway.talk(turn_of_speech(), *callers)
        await gateway.until_all(callers, AudioDone)
        firsts = [[type(delivery) for delivery in gateway.got[caller][:8]] for caller in callers]
        assert firsts == [firsts[0]] * 20
        assert [len(gateway.audio(caller)) for caller in callers] == [28_800] * 20
        assert (await gateway.shard.status())["answered"] == 20

    in_fake_time(job)


def test_windows_of_all_conversations_go_together_and_none_when_nobody_speaks() -> None:
    async def job(callers: int) -> tuple[int, int]:
        detection = Detection(config())
        gateway = Gateway(shard(detector=detection))
        gateway.send(openings=range(callers))
        await gateway.talk(silence(1_000), *range(callers))
        await asyncio.sleep(0.1)
        calls = detection.calls
        await asyncio.sleep(60)
        assert detection.calls == calls
        return calls, (await detection.actor.status())["windows"]

    (alone, windows), (together, all_windows) = (in_fake_time(lambda n=n: job(n)) for n in (1, 50))
    assert (windows, all_windows) == (31, 50 * 31)
    assert together == alone <= 31


def test_reply_audio_is_paced() -> None:
    async def job() -> None:
        gateway = Gateway(shard("tts.engines.sim.duration_ms=5000", "playout.lead_ms=1000"))
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(1, AudioStarted))
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(2.1)
        assert len(gateway.audio(1)) == 2 * 24 * 3_000
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert asyncio.get_running_loop().time() - began == pytest.approx(4, abs=0.01)

    in_fake_time(job)


# Failures


def test_a_stage_that_fails_is_told_and_counted() -> None:
    async def job() -> None:
        gateway = Gateway(shard("llm.engines.sim.error_rate=1"))
        gateway.send(openings=[1], events=[(1, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(1, Failed))
        (failed,) = gateway.notices(1, Failed)
        assert (failed.code, failed.fault) == ("sim_error", Fault.PROVIDER)
        assert (await gateway.shard.status())["failures"] == 1
        gateway.send(events=[(1, HungUp())])
        await gateway.until(lambda: gateway.got[1][-1] is None)

    in_fake_time(job)


def test_a_detector_that_dies_is_asked_again_and_nothing_is_lost() -> None:
    async def job(failures: int) -> list[type]:
        gateway = Gateway(shard(detector=Detection(config(), failures)))
        gateway.send(openings=[1])
        await gateway.talk(turn_of_speech(), 1)
        await gateway.until(lambda: gateway.notices(1, AudioDone))
        assert gateway.notices(1, Heard) == [Heard(1, "what are your opening hours on saturday", True, "en", 1.0)]
        return gateway.notices(1, CallerBegan, CallerStopped)

    assert in_fake_time(lambda: job(failures=5)) == in_fake_time(lambda: job(failures=0))


def test_a_flow_that_cannot_be_read_costs_only_the_one_who_asked_for_it() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        nothing = Tick.pack([])
        gateway.send_raw([Opening(1, "nowhere", Manner("en")), Opening(2, "clinic", Manner("en"))], nothing, [])
        gateway.send(events=[(2, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(2, AudioDone))
        failed, end = gateway.got[1]
        assert isinstance(failed, Failed)
        assert (failed.code, end) == ("flow_unknown", None)

    in_fake_time(job)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A brain that breaks when it is asked to stop."""
    handle = Conversation.handle

    def breaking(conversation: Conversation, event: Any, now: float) -> Any:
        if isinstance(event, StopAsked):
            raise AssertionError("STOPPED cannot happen")
        return handle(conversation, event, now)

    monkeypatch.setattr(Conversation, "handle", breaking)


@pytest.mark.usefixtures("breaking")
def test_a_conversation_that_breaks_costs_no_other() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1, 2])
        gateway.send(events=[(1, StopAsked()), (2, Typed("are you open?"))])
        await gateway.until(lambda: gateway.notices(2, AudioDone))
        assert gateway.got[1] == [buffer._BROKEN, None]
        status = await gateway.shard.status()
        assert (status["conversations"], status["failures"]) == (1, 1)

    in_fake_time(job)


@pytest.mark.usefixtures("breaking")
def test_the_work_of_a_conversation_that_breaks_is_cancelled() -> None:
    async def job() -> None:
        stages = StuckStages()
        gateway = Gateway(shard(stages=stages))
        gateway.send(openings=[1, 2], events=[(1, Typed("are you open?")), (2, Typed("are you open?"))])
        async with asyncio.timeout(60):
            await stages.stuck.wait()
        gateway.send(events=[(1, StopAsked())])
        await gateway.until(lambda: None in gateway.got[1])
        await asyncio.sleep(0)
        assert (stages.asked, stages.waiting) == (2, 1)

    in_fake_time(job)


# Endings


@pytest.mark.parametrize("event", [None, Typed("are you open?")])
def test_hanging_up_cancels_work(event: FromCaller | None) -> None:
    async def job() -> None:
        stages = StuckStages()
        gateway = Gateway(shard(stages=stages))
        gateway.send(openings=[1])
        if event is None:
            await gateway.talk(turn_of_speech(), 1)
        else:
            gateway.send(events=[(1, event)])
        async with asyncio.timeout(60):
            await stages.stuck.wait()
        gateway.send(events=[(1, HungUp())])
        await gateway.until(lambda: gateway.got[1][-1] is None)
        await asyncio.sleep(0)
        assert (stages.asked, stages.waiting) == (1, 0)

    in_fake_time(job)


def test_three_hundred_callers_leave_nothing_behind() -> None:
    async def job() -> None:
        detection = Detection(config())
        gateway = Gateway(shard(*AHEAD, detector=detection), greets=True)
        gateway.send(openings=[1], events=[(1, HungUp())])
        await gateway.until(lambda: None in gateway.got[1])
        tasks = len(asyncio.all_tasks())
        words = turn_of_speech()
        callers = list(range(100, 400))
        for first in range(0, 300, 100):
            together = callers[first : first + 100]
            gateway.send(openings=together)
            # A third hang up at once, a third while they speak, and a third while they are answered.
            gateway.send(events=[(caller, HungUp()) for caller in together[::3]])
            await gateway.talk(words[: len(words) // 2], *together[1::3])
            gateway.send(events=[(caller, Typed("are you open?")) for caller in together[2::3]])
            await gateway.until_all(together[2::3], AudioStarted)
            gateway.send(events=[(caller, HungUp()) for caller in together])
            await gateway.until_all(together, type(None))
        gateway.send(openings=[2], events=[(2, HungUp())])
        await gateway.until(lambda: None in gateway.got[2])
        await asyncio.sleep(1)
        status = await gateway.shard.status()
        assert {name: status[name] for name in IDLE} == IDLE
        assert status["opened"] == 302
        assert [gateway.got[caller].count(None) for caller in callers] == [1] * 300
        assert (await detection.actor.status())["conversations"] == 0
        assert len(asyncio.all_tasks()) == tasks
        gc.collect()
        assert [thing for thing in gc.get_objects() if isinstance(thing, Conversation)] == []

    in_fake_time(job)


def test_who_still_sends_to_a_conversation_that_is_over_hears_of_it() -> None:
    async def job() -> None:
        gateway = Gateway(shard())
        gateway.send(openings=[1], audio=[(9, silence(100))], events=[(9, Typed("hello")), (1, HungUp())])
        await gateway.until(lambda: None in gateway.got[1])
        assert dict(gateway.got) == {1: [None], 9: [None]}

    in_fake_time(job)
