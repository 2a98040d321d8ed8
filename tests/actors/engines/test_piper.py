"""The piper engine with a real, tiny voice, spoken through the real library."""

from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from actors.engines import piper
from actors.engines.piper import PiperSpeaker
from pipeline.engine_settings import Piper
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Phrase, Speech, Voice
from tests.actors.engines.tiny_piper import HOP, RATE, make_tiny_piper

NOWHERE = Path("no-flows")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_piper(tmp_path_factory.mktemp("piper") / "voice.onnx")


def speaker(**voices: Path) -> PiperSpeaker:
    return piper.make(Piper(voices=voices), NOWHERE)


async def spoken(engine: PiperSpeaker, phrase: Phrase) -> list[Speech]:
    return [speech async for speech in engine.speak(phrase)]


async def test_a_phrase_becomes_sound_at_the_voice_s_rate(voice: Path) -> None:
    [speech] = await spoken(speaker(en=voice), Phrase("Good morning.", "en"))
    assert (speech.rate, speech.samples.dtype, len(speech.samples) % HOP) == (RATE, np.int16, 0)
    assert RATE / 5 < len(speech.samples) < 2 * RATE
    assert np.abs(speech.samples).max() > 30_000


async def test_each_sentence_comes_by_itself(voice: Path) -> None:
    engine = speaker(en=voice)
    whole = await spoken(engine, Phrase("Good morning. We are open.", "en"))
    parts = [*await spoken(engine, Phrase("Good morning.", "en")), *await spoken(engine, Phrase("We are open.", "en"))]
    assert [speech.samples.tolist() for speech in whole] == [speech.samples.tolist() for speech in parts]


async def test_leaving_early_leaves_the_rest_unsaid(voice: Path) -> None:
    async with aclosing(speaker(en=voice).speak(Phrase("Good morning. We are open.", "en"))) as sentences:
        assert len((await anext(sentences)).samples)


async def test_a_language_has_its_own_voice(voice: Path, tmp_path: Path) -> None:
    german = make_tiny_piper(tmp_path / "de.onnx", espeak_voice="de")
    engine = speaker(en=voice, de=german)
    [as_english] = await spoken(engine, Phrase("Chirurg", "en"))
    [as_german] = await spoken(engine, Phrase("Chirurg", "de"))
    assert as_english.samples.tolist() != as_german.samples.tolist()


async def test_a_phrase_may_name_a_speaker(tmp_path: Path) -> None:
    engine = speaker(en=make_tiny_piper(tmp_path / "two.onnx", speakers=("ann", "bob")))
    said = {name: await spoken(engine, Phrase("Hello.", "en", voice=name)) for name in ("", "ann", "bob", "nobody")}
    samples = {name: speech.samples.tolist() for name, [speech] in said.items()}
    assert samples[""] == samples["ann"] == samples["nobody"] != samples["bob"]


async def test_its_voices_are_its_files_and_their_speakers(voice: Path, tmp_path: Path) -> None:
    two = make_tiny_piper(tmp_path / "two.onnx", speakers=("ann", "bob"))
    assert speaker(en=two, de=voice).voices() == (
        Voice("voice", "de", "Piper, voice"),
        Voice("ann", "en", "Piper, two"),
        Voice("bob", "en", "Piper, two"),
    )


async def test_openai_s_names_stand_for_the_speakers_in_turn(tmp_path: Path) -> None:
    engine = speaker(en=make_tiny_piper(tmp_path / "two.onnx", speakers=("ann", "bob")))
    said = {name: await spoken(engine, Phrase("Hello.", "en", name)) for name in ("ann", "bob", "alloy", "ash", "ballad")}
    samples = {name: speech.samples.tolist() for name, [speech] in said.items()}
    assert samples["alloy"] == samples["ballad"] == samples["ann"] != samples["ash"] == samples["bob"]


async def test_a_voice_of_another_language_speaks_when_it_is_named(voice: Path, tmp_path: Path) -> None:
    german = make_tiny_piper(tmp_path / "de.onnx", espeak_voice="de")
    engine = speaker(en=voice, de=german)
    [named] = await spoken(engine, Phrase("Chirurg", "en", "de"))
    [as_german] = await spoken(engine, Phrase("Chirurg", "de"))
    assert named.samples.tolist() == as_german.samples.tolist()


async def test_at_twice_the_pace_it_lasts_half_as_long(voice: Path) -> None:
    text = "We are open from nine until five, and on Saturday until one."
    [usual], [fast], [slow] = [await spoken(speaker(en=voice), Phrase(text, "en", speed=speed)) for speed in (1, 2, 0.5)]
    assert len(fast.samples) == pytest.approx(len(usual.samples) / 2, rel=0.1)
    assert len(slow.samples) == pytest.approx(len(usual.samples) * 2, rel=0.1)


async def test_a_text_without_words_has_no_sound(voice: Path) -> None:
    assert await spoken(speaker(en=voice), Phrase("", "en")) == []


async def test_a_language_without_a_voice_is_a_failure_of_that_phrase(voice: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        await spoken(speaker(en=voice), Phrase("Bonjour", "fr"))
    assert caught.value.args == ("language_unknown", "piper has no voice for 'fr', only for en.", False)


async def test_a_network_that_fails_is_a_provider_that_failed(voice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = speaker(en=voice)
    monkeypatch.setattr(engine._models["en"].voice, "session", None)
    with pytest.raises(ProviderError, match="provider_failed"):
        await spoken(engine, Phrase("Hello.", "en"))


def test_it_says_what_is_missing(voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(voice.read_bytes())
    assert piper.why_unavailable(Piper(voices={"en": voice})) is None
    assert piper.why_unavailable(Piper()) == "set voices to the .onnx file of a voice for each language"
    assert piper.why_unavailable(Piper(voices={"en": alone})) == f"no voice file {alone}.json"
    assert piper.why_unavailable(Piper(voices={"en": tmp_path / "no.onnx"})) == f"no voice file {tmp_path}/no.onnx"
    monkeypatch.setattr(piper, "find_spec", lambda name: None)
    assert piper.why_unavailable(Piper()) == "pip install parley[piper]"


def test_a_voice_that_does_not_load_makes_it_unavailable(tmp_path: Path) -> None:
    broken = make_tiny_piper(tmp_path / "broken.onnx")
    broken.write_bytes(b"nonsense")
    with pytest.raises(ProviderUnavailable, match="does not load"):
        speaker(en=broken)
