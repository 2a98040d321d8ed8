"""Speech synthesis with Piper on this machine.

Piper is under the GPL, so it is an extra that is installed on request and imported only when it is asked for. All voices are
loaded at the start; a sentence is made in a thread and handed over before the next one is begun. A voice has the name
of its file, or where that has several speakers, of the speaker.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from actors.engines.voices import stand_in
from pipeline.engine_settings import Piper, Settings
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.ports import Phrase, Speech, Voice

if TYPE_CHECKING:
    from piper import PiperVoice


@dataclass(frozen=True, slots=True)
class Model:
    """What a file holds: one voice, or several speakers."""

    name: str
    voice: "PiperVoice"

    def names(self) -> tuple[str, ...]:
        return tuple(self.voice.config.speaker_id_map) or (self.name,)

    def has(self, name: str) -> bool:
        return name in self.names()


class PiperSpeaker:
    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        """Of each language."""

    def voices(self) -> tuple[Voice, ...]:
        return tuple(
            Voice(name, language, f"Piper, {model.name}")
            for language, model in sorted(self._models.items())
            for name in model.names()
        )

    def _model(self, phrase: Phrase) -> Model:
        """That of the language, unless another one is named."""
        own = self._models.get(phrase.language)
        if own is None or not own.has(phrase.voice):
            own = next((model for model in self._models.values() if model.has(phrase.voice)), own)
        if own is None:
            known = ", ".join(sorted(self._models))
            raise ProviderError(
                "language_unknown", f"piper has no voice for {phrase.language!r}, only for {known}.", retryable=False
            )
        return own

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        from piper import SynthesisConfig

        model = self._model(phrase)
        voice = model.voice
        name = phrase.voice if model.has(phrase.voice) else stand_in(phrase.voice, model.names()) or ""
        style = SynthesisConfig(voice.config.speaker_id_map.get(name), voice.config.length_scale / phrase.speed)
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
    return PiperSpeaker({language: Model(file.stem, loaded[file]) for language, file in settings.voices.items()})


def _load(model: Path) -> "PiperVoice":
    from piper import PiperVoice

    try:
        return PiperVoice.load(model, _description(model))
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ProviderUnavailable(f"the voice {model} does not load: {error}") from error


def _description(model: Path) -> Path:
    return model.with_name(f"{model.name}.json")
