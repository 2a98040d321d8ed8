import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest

from actors.tts import TTS
from pipeline.errors import ProviderError
from pipeline.loading import load_config
from pipeline.ports import Phrase, Speech, Voice, Word
from tests.actors.tones import pure
from tests.fakes.fake_time import run_in_fake_time

PHRASE = Phrase("Good morning.", "en")
PATIENCE_S = 0.25


def tts(*overrides: str, engine: Any = None) -> TTS:
    made = TTS(load_config(None, ["tts.providers=[sim]", "tts.engines.sim.duration_ms=1000", *overrides], {}))
    if engine is not None:
        made._providers._all[0].engine = engine
    return made


def spoken(made: TTS, rate: int) -> list[Any]:
    async def job() -> list[Any]:
        return [speech async for speech in made.speak(PHRASE, rate, PATIENCE_S)]

    return run_in_fake_time(job)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_speech_comes_at_the_rate_that_its_caller_hears(rate: int) -> None:
    audio = np.frombuffer(b"".join(pcm for _, pcm, *_ in spoken(tts(), rate)), np.int16)
    assert len(audio) == rate
    loud, off = pure(audio, rate)
    assert abs(loud - 8_000) < 10
    assert off <= 4


def test_the_time_until_the_first_sound() -> None:
    first, *_ = spoken(tts("tts.engines.sim.delay_ms=70"), 24_000)
    assert first[0] == pytest.approx(0.07)


class Talker:
    """Speaks three pieces of 100 ms, the second and third at once, with a word in each."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.closed = False

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        try:
            for number in range(3):
                if number < 2:
                    await asyncio.sleep(0.1)
                samples = np.full(self.rate // 10, number, np.int16)
                yield Speech(samples, self.rate, (Word(f"word{number}", number / 10, (number + 1) / 10),))
        finally:
            self.closed = True

    def voices(self) -> tuple[Voice, ...]:
        return ()


def test_what_is_made_together_goes_together_and_words_keep_their_times() -> None:
    made = spoken(tts(engine=Talker(24_000)), 24_000)
    words = [Word(f"word{number}", number / 10, (number + 1) / 10) for number in range(3)]
    assert [(round(took_s, 3), len(pcm) // 2, said, did) for took_s, pcm, said, did in made] == [
        (0.1, 2_400, (words[0],), ()),
        (0.2, 4_800, (words[1], words[2]), ()),
    ]


def test_resampling_loses_neither_audio_nor_words() -> None:
    made = spoken(tts(engine=Talker(22_050)), 16_000)
    assert sum(len(pcm) // 2 for _, pcm, *_ in made) == 4_800
    assert [word.text for _, _, said, _ in made for word in said] == ["word0", "word1", "word2"]


def test_silence_is_no_speech() -> None:
    class Silent:
        async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
            return
            yield

    assert spoken(tts(engine=Silent()), 16_000) == []


def test_the_next_speaks_when_one_cannot() -> None:
    broken = "tts.engines.broken={engine: sim_tts, error_rate: 1}"
    made = tts(broken, "tts.providers=[broken, sim]")
    assert sum(len(pcm) // 2 for _, pcm, *_ in spoken(made, 24_000)) == 24_000
    assert [status["name"] for status in made.status()] == ["broken", "sim"]


def test_one_that_is_late_is_hedged_and_that_is_told_once() -> None:
    slow = "tts.engines.slow={engine: sim_tts, delay_ms: 2000}"
    made = tts(slow, "tts.providers=[slow, sim]")
    made._providers._all[1].engine = Talker(24_000)
    assert [(round(took_s, 3), did) for took_s, _, _, did in spoken(made, 24_000)] == [
        (0.35, ("slow was late: asked sim too",)),
        (0.45, ()),
    ]


async def test_of_two_voices_with_one_name_the_better_provider_s_is_told() -> None:
    other = "tts.engines.other={engine: sim_tts, tone_hz: 880}"
    made = tts(other, "tts.providers=[other, sim, openai]")
    assert await made.voices() == (Voice("tone", "", "a tone of 880 Hz, for measurements"),)


def test_when_nobody_can_it_says_so() -> None:
    with pytest.raises(ProviderError, match="sim_error"):
        spoken(tts("tts.engines.sim.error_rate=1"), 16_000)


def test_who_leaves_early_closes_the_engine() -> None:
    talker = Talker(24_000)
    made = tts(engine=talker)

    async def job() -> None:
        stream = made.speak(PHRASE, 24_000, PATIENCE_S)
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0.01)

    run_in_fake_time(job)
    assert talker.closed is True
