import asyncio
from pathlib import Path

import numpy as np
import pytest

from actors.engines import espeak
from actors.engines.voices import OPENAI_VOICES, is_known
from pipeline.engine_settings import Espeak
from pipeline.errors import ProviderError
from pipeline.ports import Phrase, Samples, Speech

SATURDAY = "What are your opening hours on Saturday?"


def speaker(**settings: int) -> espeak.EspeakSpeaker:
    return espeak.make(Espeak(**settings), Path("flows"))


async def spoken(text: str, language: str = "en", voice: str = "", **settings: int) -> list[Speech]:
    return [speech async for speech in speaker(**settings).speak(Phrase(text, language, voice))]


async def samples_of(text: str, language: str = "en", voice: str = "") -> Samples:
    return np.concatenate([speech.samples for speech in await spoken(text, language, voice)])


def pitch(samples: Samples) -> float:
    """Of most of the loud parts, in hertz."""
    pitches: list[float] = []
    for start in range(0, len(samples) - 1024, 512):
        part = samples[start : start + 1024].astype(float)
        if part.std() > 1500:
            alike = np.correlate(part, part, "full")[1023:]
            pitches.append(22050 / (63 + alike[63:400].argmax()))
    return float(np.median(pitches))


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


UNKNOWN = ["xx", "en-us+zz", "../../x", "en+../en", "", "e" * 500, "Klaus\0", "f3+f3", "+f3"]


async def chosen(*voices: str) -> list[str]:
    def choose() -> list[str]:
        return [espeak.library().own_voice(voice, "de") for voice in voices]

    return await asyncio.get_running_loop().run_in_executor(espeak.library_thread(), choose)


async def test_an_unknown_voice_is_that_of_the_language():
    assert await chosen(*UNKNOWN) == ["de"] * len(UNKNOWN)
    assert [len(await spoken("Guten Morgen.", "de", voice)) > 2 for voice in UNKNOWN] == [True] * len(UNKNOWN)


@pytest.mark.parametrize("voice", ["", "xx", "f3", "onyx"])
async def test_an_unknown_language_is_an_error(voice: str):
    with pytest.raises(ProviderError) as caught:
        await spoken("Good morning.", language="qq", voice=voice)
    assert (caught.value.code, caught.value.retryable) == ("voice_unknown", False)


async def test_a_variant_may_be_named_without_its_language():
    assert await chosen("f3", "en-gb", "EN-GB+f3") == ["de+f3", "en-gb", "EN-GB+f3"]


async def test_each_of_openai_s_names_is_a_voice_of_its_own():
    voices = await chosen(*OPENAI_VOICES)
    assert voices[0] == "de"
    assert len(set(voices)) == len(OPENAI_VOICES)


async def test_voices_sound_different():
    low, high = [pitch(await samples_of("Good morning, how can I help you?", voice=voice)) for voice in ("onyx", "nova")]
    assert low < 120 < 170 < high


async def test_each_voice_that_it_lists_can_speak():
    voices = await asyncio.to_thread(speaker().voices)
    listed = [voice.name for voice in voices]
    assert len(listed) == len(set(listed)) > 200
    assert {"en", "en-gb", "de", "f3", "whisper"} <= set(listed)
    assert {voice.language for voice in voices if voice.name in ("en-gb", "f3")} == {"en-gb", ""}

    def choose() -> None:
        for name in listed:
            espeak.library().choose_voice(espeak.library().own_voice(name, "en"))

    await asyncio.get_running_loop().run_in_executor(espeak.library_thread(), choose)


async def test_what_may_be_named_is_what_it_knows():
    listed = {voice.name for voice in await asyncio.to_thread(speaker().voices)}
    assert [is_known(voice, listed) for voice in ("en-gb", "f3", "en-gb+f3", *UNKNOWN[:-2])] == [True] * 3 + [False] * 7


async def test_speaks_as_fast_as_it_is_told():
    slow, fast = [seconds(await spoken(SATURDAY, words_per_minute=speed)) for speed in (100, 300)]
    assert slow > 1.8 * fast


@pytest.mark.parametrize(("speed", "share"), [(2.0, 0.5), (4.0, 0.25), (0.5, 2.0), (0.25, 2.0)])
async def test_a_phrase_has_its_pace_as_far_as_the_library_can(speed: float, share: float):
    usual = seconds(await spoken(SATURDAY))
    paced = seconds([speech async for speech in speaker().speak(Phrase(SATURDAY, "en", speed=speed))])
    assert paced == pytest.approx(share * usual, rel=0.1)


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
