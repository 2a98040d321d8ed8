import asyncio
from pathlib import Path

import numpy as np
import pytest

from actors.engines import espeak
from pipeline.engine_settings import Espeak
from pipeline.errors import ProviderError
from pipeline.ports import Phrase, Speech

SATURDAY = "What are your opening hours on Saturday?"


def speaker(**settings: int) -> espeak.EspeakSpeaker:
    return espeak.make(Espeak(**settings), Path("flows"))


async def spoken(text: str, language: str = "en", voice: str = "", **settings: int) -> list[Speech]:
    return [speech async for speech in speaker(**settings).speak(Phrase(text, language, voice))]


def seconds(speeches: list[Speech]) -> float:
    return sum(len(speech.samples) / speech.rate for speech in speeches)


def words(speeches: list[Speech]) -> list[str]:
    return [word.text for speech in speeches for word in speech.words]


def test_is_available_where_its_wheel_is():
    assert espeak.why_unavailable(Espeak()) is None


async def test_speaks_in_chunks_of_a_fifth_of_a_second():
    speeches = await spoken(SATURDAY)
    assert {(speech.rate, speech.samples.dtype, len(speech.samples)) for speech in speeches[:-1]} == {
        (22050, np.dtype(np.int16), 4410)
    }
    assert 1.5 < seconds(speeches) < 3
    assert 0 < len(speeches[-1].samples) <= 4410


async def test_says_when_each_word_is_spoken():
    speeches = await spoken(SATURDAY)
    times = [word for speech in speeches for word in speech.words]
    assert [word.text for word in times] == ["What", "are", "your", "opening", "hours", "on", "Saturday?"]
    assert times[0].start_s < 0.1
    assert all(word.start_s < word.end_s for word in times)
    assert [word.end_s for word in times[:-1]] == [word.start_s for word in times[1:]]
    assert times[-1].end_s == pytest.approx(seconds(speeches))


async def test_a_chunk_holds_the_words_that_begin_in_it():
    begin = 0.0
    for speech in await spoken(SATURDAY):
        end = begin + len(speech.samples) / speech.rate
        assert [word.text for word in speech.words if not begin <= word.start_s < end + 1e-9] == []
        begin = end


async def test_silence_at_the_end_is_short():
    samples = np.concatenate([speech.samples for speech in await spoken("Good morning.")])
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 64)
    assert (len(samples) - loud[-1]) / 22050 < 0.06


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Cuál es el horario del sábado, por favor?", "es"),
        ("Quelle heure est-il ?", "fr"),
        ("Ich möchte einen Termin am Montag.", "de"),
        ("One of the 2024 people in the 1,234.50 house.", "en"),
        ("a < b [[hE]] <speak>x</speak> & ☃ 😀 你好", "en"),
    ],
)
async def test_words_make_the_text_again(text: str, language: str):
    speeches = await spoken(text, language)
    assert " ".join(words(speeches)) == text
    assert seconds(speeches) > 0.5


async def test_a_long_text_is_spoken_whole():
    text = "The clinic is open from nine to five. " * 60
    speeches = await spoken(text)
    assert " ".join(words(speeches)) == text.strip()
    starts = [word.start_s for speech in speeches for word in speech.words]
    assert starts == sorted(starts)
    assert 90 < seconds(speeches) < 180


@pytest.mark.parametrize("text", ["", " \n", "\0\0", "...", "\u200b"])
async def test_says_nothing_when_there_is_nothing_to_say(text: str):
    assert await spoken(text) == []


async def test_leaves_out_what_cannot_be_said():
    assert words(await spoken("good\0morning \x1b\ud800 every\u00adone")) == ["good", "morning", "everyone"]


async def test_a_word_without_end_does_no_harm():
    assert seconds(await spoken("x" * 3000)) > 50


@pytest.mark.parametrize("voice", ["en-gb", "EN-GB", "en-us+f3", "de"])
async def test_knows_voices_and_variants(voice: str):
    assert seconds(await spoken("Good morning.", voice=voice)) > 0.3


@pytest.mark.parametrize("voice", ["xx", "en-us+zz", "../../x", "en+../en", "", "e" * 500, "Klaus\0"])
async def test_an_unknown_voice_is_an_error(voice: str):
    with pytest.raises(ProviderError) as caught:
        await spoken("Good morning.", language="qq", voice=voice)
    assert (caught.value.code, caught.value.retryable) == ("voice_unknown", False)


async def test_speaks_as_fast_as_it_is_told():
    slow, fast = [seconds(await spoken(SATURDAY, words_per_minute=speed)) for speed in (100, 300)]
    assert slow > 1.8 * fast


async def test_a_listener_may_leave():
    speech = speaker().speak(Phrase(SATURDAY * 9, "en"))
    assert len((await anext(speech)).samples) == 4410
    await speech.aclose()
    assert words(await spoken("Good morning.")) == ["Good", "morning."]


async def test_a_cancelled_listener_leaves_the_voice_to_others():
    async def listen() -> None:
        await spoken("word " * 5000)

    listener = asyncio.create_task(listen())
    first = await spoken("Good morning.")
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    assert listener.cancelled()
    assert words(first) == ["Good", "morning."]


async def test_speaks_for_many_at_once():
    texts = [f"This is sentence number {number}." for number in ("one", "two", "three", "four", "five")]
    heard = await asyncio.gather(*(spoken(text) for text in texts))
    assert [" ".join(words(speeches)) for speeches in heard] == texts


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [("sábado", "es", "s_a_β_a_ð_o"), ("open man", "en", "oʊ_p_ə_n m_æ_n"), ("möchte", "de", "m_œ_ç_t_ə")],
)
def test_tells_the_sounds_of_a_text(text: str, language: str, said: str):
    assert espeak.phonemes(text, language) == said
