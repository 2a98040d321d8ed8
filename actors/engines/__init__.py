"""One speech or language library per file, imported only when a provider that uses it is asked for.

Every engine's module has two functions: `why_unavailable(settings)` says in one sentence what is missing, or None, cheaply and
without loading anything; `make(settings, flows_dir)` builds the engine, and raises `ProviderUnavailable` when it cannot.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from pipeline.engine_settings import EngineSettings
from pipeline.ports import Recogniser, Speaker, Thinker

MODULES = {
    "openai_chat": "actors.engines.openai_chat",
    "openai_transcription": "actors.engines.openai_audio",
    "openai_speech": "actors.engines.openai_audio",
    "whisper": "actors.engines.whisper",
    "sphinx": "actors.engines.sphinx",
    "flow": "actors.engines.flow",
    "espeak": "actors.engines.espeak",
    "piper": "actors.engines.piper",
    "sim_asr": "actors.engines.sim",
    "sim_llm": "actors.engines.sim",
    "sim_tts": "actors.engines.sim",
}

Engine = Recogniser | Thinker | Speaker


class EngineModule(Protocol):
    def why_unavailable(self, settings: EngineSettings) -> str | None: ...
    def make(self, settings: EngineSettings, flows_dir: Path) -> Engine: ...


def engine_module(kind: str) -> EngineModule:
    return cast(EngineModule, import_module(MODULES[kind]))
