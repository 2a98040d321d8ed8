"""Speech synthesis with Piper on this machine.

Piper is under the GPL, so it is an extra that is installed on request and imported only when it is asked for. All voices are
loaded at the start; a sentence is made in a thread and handed over before the next one is begun. A phrase may name one of
the speakers of a voice that has several.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engine_settings import Piper, Settings
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Phrase, Speech

if TYPE_CHECKING:
    from piper import PiperVoice


class PiperSpeaker:
    def __init__(self, voices: Mapping[str, "PiperVoice"]) -> None:
        self._voices = voices

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        from piper import SynthesisConfig

        voice = self._voices.get(phrase.language)
        if voice is None:
            known = ", ".join(sorted(self._voices))
            raise ProviderError(
                "language_unknown", f"piper has no voice for {phrase.language!r}, only for {known}.", retryable=False
            )
        style = SynthesisConfig(speaker_id=voice.config.speaker_id_map.get(phrase.voice))
        sentences = iter(voice.synthesize(phrase.text, style))
        while True:
            try:
                sentence = await asyncio.to_thread(next, sentences, None)
            except Exception as error:
                raise ProviderError("provider_failed", f"piper failed: {error}") from error
            if sentence is None:
                return
            yield Speech(sentence.audio_int16_array, sentence.sample_rate)


def why_unavailable(settings: Settings) -> str | None:
    assert isinstance(settings, Piper)
    if find_spec("piper") is None:
        return "pip install parley[piper]"
    if not settings.voices:
        return "set voices to the .onnx file of a voice for each language"
    files = [file for model in settings.voices.values() for file in (model, _description(model))]
    missing = [str(file) for file in files if not file.is_file()]
    return f"no voice file {missing[0]}" if missing else None


def make(settings: Settings, flows_dir: Path) -> PiperSpeaker:
    assert isinstance(settings, Piper)
    if reason := why_unavailable(settings):
        raise ProviderUnavailable(reason)
    loaded = {model: _load(model) for model in set(settings.voices.values())}
    return PiperSpeaker({language: loaded[model] for language, model in settings.voices.items()})


def _load(model: Path) -> "PiperVoice":
    from piper import PiperVoice

    try:
        return PiperVoice.load(model, _description(model))
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ProviderUnavailable(f"the voice {model} does not load: {error}") from error


def _description(model: Path) -> Path:
    return model.with_name(f"{model.name}.json")
