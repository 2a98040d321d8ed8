import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr

from actors.engines import espeak, sphinx
from actors.engines.pronunciation import from_ipa, pronunciations
from pipeline.engine_settings import Espeak, Sphinx
from pipeline.errors import ProviderError
from pipeline.ports import LISTENING_RATE, Phrase, Samples, Transcript, Utterance

# The engine begins a stream on purpose; the library finds that needless.
pytestmark = pytest.mark.filterwarnings("ignore:start_stream")

ENGLISH = (
    "What are your opening hours on Saturday?",
    "I would like to make an appointment",
    "Please cancel my appointment",
    "How much does a visit cost?",
    "At ten o\u2019clock",
    "I want to see Doctor Kowalczyk",
    "Goodbye",
    "Yes",
    "No",
)
SPANISH = (
    "¿Cuál es el horario del sábado?",
    "Quiero pedir una cita",
    "El martes por la mañana",
    "¿Cuánto cuesta la consulta?",
    "Sí, por favor",
    "No",
)
GERMAN = ("Wann haben Sie am Samstag geöffnet?", "Ich möchte einen Termin", "Vielen Dank", "Was kostet die Behandlung?")


@pytest.fixture(scope="module")
def recogniser() -> sphinx.SphinxRecogniser:
    return sphinx.make(Sphinx(), Path("flows"))


async def said(text: str, language: str = "en", voice: str = "", pause_s: float = 0.3) -> Samples:
    """The text as a microphone would bring it: 16 kHz, with silence around it."""
    speaker = espeak.make(Espeak(), Path("flows"))
    chunks = [speech.samples async for speech in speaker.speak(Phrase(text, language, voice))]
    silence = np.zeros(int(22050 * pause_s), np.int16)
    return soxr.resample(np.concatenate([silence, *chunks, silence]), 22050, LISTENING_RATE)


async def heard(
    recogniser: sphinx.SphinxRecogniser, texts: Sequence[str], language: str, phrases: tuple[str, ...], voice: str = ""
) -> list[str]:
    audio = [await said(text, language, voice) for text in texts]
    return [(await recogniser.transcribe(Utterance(samples, language, phrases))).text for samples in audio]


def test_is_available_where_its_wheel_is():
    assert sphinx.why_unavailable(Sphinx()) is None


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb"])
async def test_hears_what_the_flow_expects(recogniser: sphinx.SphinxRecogniser, voice: str):
    assert await heard(recogniser, ENGLISH, "en", ENGLISH, voice) == list(ENGLISH)


@pytest.mark.parametrize(("language", "phrases"), [("es", SPANISH), ("de", GERMAN)])
async def test_hears_other_languages_within_a_flow(
    recogniser: sphinx.SphinxRecogniser, language: str, phrases: tuple[str, ...]
):
    assert await heard(recogniser, phrases, language, phrases) == list(phrases)


async def test_hears_through_a_telephone(recogniser: sphinx.SphinxRecogniser):
    narrow = [soxr.resample(await said(text), LISTENING_RATE, 8000) for text in ENGLISH[:4]]
    wide = [soxr.resample(samples, 8000, LISTENING_RATE) for samples in narrow]
    texts = [(await recogniser.transcribe(Utterance(samples, "en", ENGLISH))).text for samples in wide]
    assert texts == list(ENGLISH[:4])


async def test_rejects_what_the_flow_does_not_expect(recogniser: sphinx.SphinxRecogniser):
    strange = ("Tell me a joke about penguins", "The weather in London is terrible", "Seven hundred and forty two")
    texts = await heard(recogniser, strange, "en", ENGLISH)
    assert [text for text in texts if text in ENGLISH or not text] == []


async def test_rejected_speech_of_another_language_has_no_words(recogniser: sphinx.SphinxRecogniser):
    samples = await said("Ayer compré siete naranjas en el mercado", "es")
    transcript = await recogniser.transcribe(Utterance(samples, "es", SPANISH))
    assert (transcript.text, transcript.words) == ("", ())
    assert transcript.confidence is not None
    assert transcript.confidence < 0.5


async def test_hears_freely_without_a_flow(recogniser: sphinx.SphinxRecogniser):
    transcript = await recogniser.transcribe(Utterance(await said("Where are you?"), "en"))
    assert transcript.text == "where are you"
    assert [word.text for word in transcript.words] == ["where", "are", "you"]


async def test_says_when_each_word_was_said(recogniser: sphinx.SphinxRecogniser):
    samples = await said(ENGLISH[0], pause_s=0.4)
    transcript = await recogniser.transcribe(Utterance(samples, "en", ENGLISH))
    assert " ".join(word.text for word in transcript.words) == ENGLISH[0]
    assert transcript.words[0].start_s == pytest.approx(0.4, abs=0.1)
    assert transcript.words[-1].end_s == pytest.approx(len(samples) / LISTENING_RATE - 0.4, abs=0.15)
    assert transcript.confidence is not None
    assert 0.5 < transcript.confidence <= 1


async def test_hears_the_same_audio_the_same_way_whatever_came_between(recogniser: sphinx.SphinxRecogniser):
    utterance = Utterance(await said(ENGLISH[3]), "en", ENGLISH)
    first = await recogniser.transcribe(utterance)
    await heard(recogniser, ["Tell me a joke"], "en", ENGLISH, "en-us+m3")
    assert await recogniser.transcribe(utterance) == first


NOISE = np.random.default_rng(7).normal(0, 3000, LISTENING_RATE)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        np.full(1, 9000),
        np.zeros(LISTENING_RATE),
        NOISE,
        NOISE[:3200],
        NOISE / 100,
        np.where(np.arange(LISTENING_RATE) == 8000, 30_000, 0),
        8000 * np.sin(np.arange(LISTENING_RATE) / 6),
    ],
    ids=["nothing", "one sample", "silence", "noise", "short noise", "faint noise", "click", "tone"],
)
@pytest.mark.parametrize(("language", "phrases"), [("en", ENGLISH), ("es", SPANISH)])
async def test_no_words_in_what_is_not_speech(
    recogniser: sphinx.SphinxRecogniser, samples: np.ndarray, language: str, phrases: tuple[str, ...]
):
    transcript = await recogniser.transcribe(Utterance(samples.astype(np.int16), language, phrases))
    assert (transcript.text, transcript.words) == ("", ())


async def test_hears_faint_and_cut_speech(recogniser: sphinx.SphinxRecogniser):
    faint = await said(ENGLISH[2]) // 80
    cut = (await said(ENGLISH[2]))[: LISTENING_RATE // 2]
    assert (await recogniser.transcribe(Utterance(faint, "en", ENGLISH))).text == ENGLISH[2]
    assert (await recogniser.transcribe(Utterance(cut, "en", ENGLISH))).text not in ENGLISH


@pytest.mark.parametrize("phrases", [(), ("...",)])
async def test_another_language_needs_a_flow(recogniser: sphinx.SphinxRecogniser, phrases: tuple[str, ...]):
    with pytest.raises(ProviderError) as caught:
        await recogniser.transcribe(Utterance(NOISE.astype(np.int16), "es", phrases))
    assert (caught.value.code, caught.value.retryable) == ("language_unsupported", False)


async def test_a_language_that_nobody_can_pronounce(recogniser: sphinx.SphinxRecogniser):
    with pytest.raises(ProviderError) as caught:
        await recogniser.transcribe(Utterance(NOISE.astype(np.int16), "qq", ("anything",)))
    assert (caught.value.code, caught.value.retryable) == ("language_unsupported", False)


async def test_accept_sets_how_strict_it_is():
    samples = await said("Quiero pedir una cita", "es")
    utterance = Utterance(samples, "es", ("quiero pedir una cita", "no"))
    usual, strict = [sphinx.make(Sphinx(accept=accept), Path("flows")) for accept in (1, 1_000)]
    assert (await usual.transcribe(utterance)).text == "quiero pedir una cita"
    assert (await strict.transcribe(utterance)).text == ""


async def test_keeps_few_grammars(recogniser: sphinx.SphinxRecogniser):
    samples = await said("Yes")
    for number in range(sphinx.GRAMMARS + 2):
        phrases = ("yes", "no", f"number {'very ' * number} good")
        assert (await recogniser.transcribe(Utterance(samples, "en", phrases))).text == "yes"
    assert len(recogniser.grammars) == sphinx.GRAMMARS


async def test_the_event_loop_goes_on_while_it_listens(recogniser: sphinx.SphinxRecogniser):
    utterance = Utterance(await said(ENGLISH[0]), "en", ENGLISH)
    await recogniser.transcribe(utterance)
    listening = asyncio.ensure_future(recogniser.transcribe(utterance))
    turns = 0
    while not listening.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10


async def test_many_callers_are_heard_one_after_another(recogniser: sphinx.SphinxRecogniser):
    texts = ENGLISH[:4]
    audio = [await said(text) for text in texts]
    transcripts: list[Transcript] = await asyncio.gather(
        *(recogniser.transcribe(Utterance(samples, "en", ENGLISH)) for samples in audio)
    )
    assert [transcript.text for transcript in transcripts] == list(texts)


def dictionary(tmp_path: Path) -> Path:
    file = tmp_path / "words.dict"
    file.write_text("read R EH D\nread(2) R IY D\nreader R IY D ER\n")
    return file


def test_english_words_sound_as_in_the_dictionary(tmp_path: Path):
    assert pronunciations(["read"], "en", dictionary(tmp_path)) == {"read": ["R EH D", "R IY D"]}


def test_other_words_sound_as_espeak_says(tmp_path: Path):
    said = pronunciations(["kip", "sábado"], "es", dictionary(tmp_path))
    assert said["kip"] == ["K IY P"]
    assert "S AA B AA DH AO" in said["sábado"]


def test_a_sound_keeps_its_choice_throughout_a_word():
    assert from_ipa("θ_a_θ") == ["TH AA TH", "S AA S"]


def test_an_unknown_sound_is_taken_apart():
    assert from_ipa("m_ap_!") == ["M AA P"]
