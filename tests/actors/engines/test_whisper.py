"""The whisper engine with a real, tiny model of random weights, loaded and decoded by the real libraries."""

import asyncio
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from huggingface_hub import constants

from actors.engines import whisper
from actors.engines.whisper import Decoder, WhisperRecogniser, Window
from pipeline.engine_settings import Whisper
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Transcript, Utterance
from tests.actors.engines.tiny_whisper import make_tiny_whisper

NOWHERE = Path("no-flows")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place where the hub's library looks for what it has fetched."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def engine(folder: Path, **changes: Any) -> WhisperRecogniser:
    return whisper.make(Whisper(model=str(folder), device="cpu", threads=1, **changes), NOWHERE)


def tone(
    hertz: float, seconds: float = 1.0, language: str = "en", phrases: tuple[str, ...] = (), prompt: str = ""
) -> Utterance:
    times = np.arange(int(16_000 * seconds)) / 16_000
    return Utterance((8_000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16), language, phrases, prompt)


def batches_of(engine: WhisperRecogniser, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that the engine decodes from now on."""
    sizes: list[int] = []
    decode = Decoder.decode

    def counted(decoder: Decoder, windows: Sequence[Window]) -> list[Transcript]:
        sizes.append(len(windows))
        return decode(decoder, windows)

    monkeypatch.setattr(Decoder, "decode", counted)
    return sizes


async def test_it_hears_what_the_library_hears(folder: Path) -> None:
    utterance = tone(300)
    heard = await engine(folder).transcribe(utterance)

    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    audio = utterance.samples.astype(np.float32) / 32_768
    segments, _ = model.transcribe(audio, language="en", beam_size=1, temperature=0, without_timestamps=True)
    [segment] = segments
    assert (heard.text, heard.language) == (segment.text.strip(), "en")
    assert heard.confidence == pytest.approx(math.exp(segment.avg_logprob), rel=0.01)  # it bars some more of the marks


async def test_words_are_timed_within_the_audio(folder: Path) -> None:
    heard = await engine(folder).transcribe(tone(1000))
    assert [word.text for word in heard.words] == heard.text.split()
    times = [time_s for word in heard.words for time_s in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 1


async def test_those_decoded_together_are_heard_as_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)
    utterances = [tone(hertz, language=language) for hertz in (100, 1000, 3000) for language in ("en", "de")]
    alone = [await recogniser.transcribe(utterance) for utterance in utterances]
    assert len({heard.text for heard in alone}) > 3

    sizes = batches_of(recogniser, monkeypatch)
    together = await asyncio.gather(*(recogniser.transcribe(utterance) for utterance in utterances))
    assert [(heard.text, heard.language, heard.words) for heard in together] == [
        (heard.text, heard.language, heard.words) for heard in alone
    ]
    assert sizes == [6]


async def test_a_batch_has_a_limit_and_the_rest_goes_with_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder, batch=4)
    sizes = batches_of(recogniser, monkeypatch)
    await asyncio.gather(*(recogniser.transcribe(tone(300)) for _ in range(10)))
    assert sizes == [4, 4, 2]


async def test_a_batch_has_one_hint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)
    sizes = batches_of(recogniser, monkeypatch)
    hints = [("yes", "no"), ("good morning",), ("yes", "no")]
    heard = await asyncio.gather(*(recogniser.transcribe(tone(300, phrases=hint)) for hint in hints))
    assert sizes == [2, 1]
    assert heard[0] == heard[2] != heard[1]


async def test_a_prompt_is_read_as_the_library_reads_it(folder: Path) -> None:
    utterance = tone(300, prompt="w42 w7")
    heard = await engine(folder).transcribe(utterance)

    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    audio = utterance.samples.astype(np.float32) / 32_768
    options: dict[str, Any] = {"language": "en", "beam_size": 1, "temperature": 0, "without_timestamps": True}
    [segment] = model.transcribe(audio, initial_prompt=utterance.prompt, **options)[0]
    assert heard.text == segment.text.strip()
    assert heard.text != (await engine(folder).transcribe(tone(300))).text


async def test_a_batch_has_one_prompt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)
    sizes = batches_of(recogniser, monkeypatch)
    await asyncio.gather(*(recogniser.transcribe(tone(300, prompt=prompt)) for prompt in ("w1", "w2 w3", "w1")))
    assert sizes == [2, 1]


@pytest.mark.parametrize("phrases", [(), ("this is what the flow expects",) * 20])
async def test_a_prompt_longer_than_fits_is_read_from_its_end(folder: Path, phrases: tuple[str, ...]) -> None:
    recogniser = engine(folder)
    long = tone(300, phrases=phrases, prompt=" ".join(f"w{number}" for number in range(700)))
    longer = tone(300, phrases=phrases, prompt=" ".join(f"w{number}" for number in range(-300, 700)))
    heard = [await recogniser.transcribe(utterance) for utterance in (long, longer)]
    assert heard[0].text
    assert heard[0] == heard[1]


async def test_more_hints_than_fit_are_no_failure(folder: Path) -> None:
    phrases = tuple(f"this is the sentence with the number {number}" for number in range(500))
    assert (await engine(folder).transcribe(tone(300, phrases=phrases))).text


@pytest.mark.parametrize("language", ["auto", "xx", ""])
async def test_a_language_that_the_model_does_not_know_is_detected(folder: Path, language: str) -> None:
    utterance = tone(300, language=language)
    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    guess, *_ = model.detect_language(utterance.samples.astype(np.float32) / 32_768)
    assert (await engine(folder).transcribe(utterance)).language == guess


async def test_long_audio_is_heard_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)
    first, last = await recogniser.transcribe(tone(300, 30)), await recogniser.transcribe(tone(300, 5))
    sizes = batches_of(recogniser, monkeypatch)
    heard = await recogniser.transcribe(tone(300, 35))
    assert sizes == [2]
    assert heard.text.split()[: len(first.words)] == first.text.split()
    later = heard.words[len(first.words)]
    assert (later.text, later.start_s >= 30, heard.words[-1].end_s <= 35) == (last.words[0].text, True, True)


async def test_an_empty_utterance_is_not_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)
    sizes = batches_of(recogniser, monkeypatch)
    assert (await recogniser.transcribe(tone(300, 0)), sizes) == (Transcript("", "en"), [])


async def test_who_has_left_is_not_decoded_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder, batch=1)
    sizes = batches_of(recogniser, monkeypatch)
    first, second, third = (asyncio.create_task(recogniser.transcribe(tone(300))) for _ in range(3))
    await asyncio.sleep(0)  # they have asked now
    second.cancel()
    assert await first == await third
    assert sizes == [1, 1]


async def test_too_many_waiting_are_refused(folder: Path) -> None:
    recogniser = engine(folder, batch=1)
    answers = await asyncio.gather(*(recogniser.transcribe(tone(300)) for _ in range(10)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ProviderError)]
    assert [error.code for error in refused] == ["provider_busy"] * 2


async def test_a_decoder_that_fails_fails_its_batch_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = engine(folder)

    def broken(decoder: Decoder, windows: Sequence[Window]) -> list[Transcript]:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as broken_for_now:
        broken_for_now.setattr(Decoder, "decode", broken)
        with pytest.raises(ProviderError, match=r"whisper failed: out of memory \[provider_failed\]"):
            await recogniser.transcribe(tone(300))
    assert (await recogniser.transcribe(tone(300))).text


def test_without_weights_it_says_what_to_do(cache: Path) -> None:
    reason = "no weights for 'small' on this machine; set model to a folder that has them, or download to true"
    assert whisper.why_unavailable(Whisper()) == reason
    cache.mkdir()
    assert whisper.why_unavailable(Whisper()) == reason
    with pytest.raises(ProviderUnavailable, match="no weights for 'small'"):
        whisper.make(Whisper(), NOWHERE)
    assert whisper.why_unavailable(Whisper(download=True)) is None


def test_a_folder_that_lacks_a_file_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "config.json", tmp_path)
    assert whisper.why_unavailable(Whisper(model=str(tmp_path))) == f"{tmp_path} has no model.bin and no tokenizer.json"


def test_weights_that_do_not_load_make_it_unavailable(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "model.bin").write_bytes(b"nonsense")
    with pytest.raises(ProviderUnavailable, match="do not load"):
        engine(tmp_path / "model")


async def test_what_was_once_fetched_is_found_by_name(folder: Path, cache: Path) -> None:
    repository = cache / "models--Systran--faster-whisper-small"
    shutil.copytree(folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert whisper.why_unavailable(Whisper()) is None
    recogniser = whisper.make(Whisper(device="cpu", threads=1), NOWHERE)
    assert (await recogniser.transcribe(tone(300))).text
