"""The simulated providers keep their stated pace to the microsecond, on a clock that jumps instead of waiting."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from actors.engines import sim
from actors.engines.sim import SimRecogniser, SimSpeaker, SimThinker
from pipeline import engine_settings as settings
from pipeline.errors import ProviderError
from pipeline.ports import (
    Entry,
    Message,
    Phrase,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Transcript,
    Utterance,
    Voice,
    Wish,
)
from tests.fakes.jumping_loop import JumpingLoop, run_jumping

T = TypeVar("T")
NOWHERE = Path("no-flows")
PROMPT = Prompt(messages=(Message("user", "hello"),), language="en", flow="clinic")
PHRASE = Phrase("hello", "en")
UTTERANCE = Utterance(np.zeros(160, np.int16), "de")


async def timed(parts: AsyncIterator[T]) -> list[tuple[int, T]]:
    """What came, each with the milliseconds at which it came."""
    return [(round(asyncio.get_running_loop().time() * 1000), part) async for part in parts]


def test_the_recogniser_answers_after_its_delay() -> None:
    engine = SimRecogniser(settings.SimRecogniser(delay_ms=50, text="good morning"))

    async def job() -> tuple[Transcript, float]:
        heard = await engine.transcribe(UTTERANCE)
        return heard, asyncio.get_running_loop().time()

    assert (Transcript("good morning", "de", confidence=1.0), 0.05) == run_jumping(job)


def test_the_thinker_gives_a_word_a_token_at_its_pace() -> None:
    engine = SimThinker(settings.SimThinker(delay_ms=100, token_gap_ms=5, text="We open at nine."))
    expected = [(100, TextDelta("We")), (105, TextDelta(" open")), (110, TextDelta(" at")), (115, TextDelta(" nine."))]
    assert expected == run_jumping(lambda: timed(engine.reply(PROMPT)))


OPENING, PRICE = Tool("opening_hours", "", {}), Tool("price", "", {})


def wishing(*entries: Entry, choice: str = "auto") -> Prompt:
    return Prompt(entries, "en", "clinic", wish=Wish(tools=(PRICE, OPENING), tool_choice=choice))


def test_the_thinker_calls_a_function_that_the_caller_names() -> None:
    engine = SimThinker(settings.SimThinker(delay_ms=100))
    calls = [run_jumping(lambda: timed(engine.reply(wishing(Message("user", "Your hours, please?"))))) for _ in range(2)]
    assert [[(ms, call.name, call.arguments) for ms, call in parts] for parts in calls] == [[(100, "opening_hours", "{}")]] * 2
    assert calls[0][0][1].call_id != calls[1][0][1].call_id


@pytest.mark.parametrize(
    "prompt",
    [
        wishing(),
        wishing(Message("user", "hello")),
        wishing(Message("assistant", "Your hours?")),
        wishing(Message("user", "hours"), choice="none"),
        wishing(Message("user", "hours"), ToolCall("1", "opening_hours", "{}"), ToolResult("1", "nine to five")),
    ],
    ids=["nothing", "another word", "its own words", "no choice", "a result"],
)
def test_otherwise_the_thinker_says_its_words(prompt: Prompt) -> None:
    engine = SimThinker(settings.SimThinker(delay_ms=100, text="Hello."))
    assert run_jumping(lambda: timed(engine.reply(prompt))) == [(100, TextDelta("Hello."))]


def test_a_token_that_is_overdue_does_not_push_back_the_next() -> None:
    engine = SimThinker(settings.SimThinker(delay_ms=100, token_gap_ms=5, text="a b c d"))

    async def job() -> list[tuple[int, str]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        came = []
        async for part in engine.reply(PROMPT):
            came.append((round(loop.time() * 1000), part.text))
            if part.text == "a":
                loop.now += 0.012  # the loop was busy elsewhere
        return came

    assert run_jumping(job) == [(100, "a"), (112, " b"), (112, " c"), (115, " d")]


def test_the_default_reply_is_twelve_tokens_and_one_sentence() -> None:
    parts = run_jumping(lambda: timed(SimThinker(settings.SimThinker()).reply(PROMPT)))
    text = "".join(part.text for _, part in parts)
    assert (12, 155, settings.SimThinker().text) == (len(parts), parts[-1][0], text)
    assert [len(text) - 1] == [place for place, letter in enumerate(text) if letter in ".!?,;:"]


def test_the_speaker_gives_the_whole_tone_after_its_delay() -> None:
    engine = SimSpeaker(settings.SimSpeaker(delay_ms=50, chunk_ms=40, duration_ms=100, rate=24_000, tone_hz=440))
    parts = run_jumping(lambda: timed(engine.speak(PHRASE)))
    assert [(came_ms, len(speech.samples)) for came_ms, speech in parts] == [(50, 960), (50, 960), (50, 480)]
    assert {24_000} == {speech.rate for _, speech in parts}


def test_the_tone_lasts_half_as_long_at_twice_the_pace() -> None:
    engine = SimSpeaker(settings.SimSpeaker(duration_ms=100, rate=24_000))
    parts = run_jumping(lambda: timed(engine.speak(Phrase("hello", "en", "alloy", speed=2.0))))
    assert sum(len(speech.samples) for _, speech in parts) == 1_200
    assert engine.voices() == (Voice("tone", "", "a tone of 440 Hz, for measurements"),)


def test_the_tone_runs_on_without_a_step_and_is_made_once() -> None:
    first, second = (SimSpeaker(settings.SimSpeaker()) for _ in range(2))
    chunks = [speech.samples for _, speech in run_jumping(lambda: timed(first.speak(PHRASE)))]
    again = [speech.samples for _, speech in run_jumping(lambda: timed(second.speak(PHRASE)))]
    assert [id(chunk) for chunk in chunks] == [id(chunk) for chunk in again]
    assert {id(chunks[0].base)} == {id(chunk.base) for chunk in chunks}

    spectrum = np.abs(np.fft.rfft(np.concatenate(chunks)))
    assert round(np.argmax(spectrum) * 24_000 / 48_000) == 440
    assert spectrum.max() ** 2 > 0.999 * (spectrum**2).sum()  # clicks at the seams would spread it


@pytest.mark.parametrize(
    ("asked", "ask"),
    [
        (settings.SimRecogniser(error_rate=1), lambda engine: engine.transcribe(UTTERANCE)),
        (settings.SimThinker(error_rate=1), lambda engine: timed(engine.reply(PROMPT))),
        (settings.SimSpeaker(error_rate=1), lambda engine: timed(engine.speak(PHRASE))),
    ],
)
def test_each_fails_when_told_to(asked: Any, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
    with pytest.raises(ProviderError) as caught:
        run_jumping(lambda: ask(sim.make(asked, NOWHERE)))
    assert (caught.value.code, caught.value.retryable) == ("sim_error", True)


def test_a_stalled_request_hangs_and_then_goes_on() -> None:
    engine = SimSpeaker(settings.SimSpeaker(delay_ms=50, stall_rate=1, stall_s=7, duration_ms=40))
    assert [(came_ms, len(speech.samples)) for came_ms, speech in run_jumping(lambda: timed(engine.speak(PHRASE)))] == [
        (7050, 960)
    ]


def test_jitter_varies_each_delay_within_its_share() -> None:
    engine = SimRecogniser(settings.SimRecogniser(delay_ms=100, jitter=0.5))

    async def job() -> list[float]:
        ends = [asyncio.get_running_loop().time()]
        for _ in range(50):
            await engine.transcribe(UTTERANCE)
            ends.append(asyncio.get_running_loop().time())
        return [after - before for before, after in itertools.pairwise(ends)]

    waits = run_jumping(job)
    assert 0.05 <= min(waits) < 0.08 < 0.12 < max(waits) <= 0.15


def test_a_simulated_provider_is_always_available() -> None:
    assert [
        sim.why_unavailable(asked) for asked in (settings.SimRecogniser(), settings.SimThinker(), settings.SimSpeaker())
    ] == [None] * 3
