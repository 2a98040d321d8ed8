"""Which provider of each stage will answer, found out without loading one."""

from dataclasses import dataclass

from actors.engines import engine_module
from pipeline.config import Asr, Config, Llm, Tts
from pipeline.errors import ConfigError, ProviderError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider in a stage's list, and what it lacks."""

    name: str
    lacks: str | None
    """What is missing, in one sentence; None when it can answer."""


def candidates(stage: Asr | Llm | Tts) -> list[Candidate]:
    """The providers of a stage, best first."""
    return [Candidate(name, _lack(stage, name)) for name in stage.providers]


def chosen(config: Config) -> dict[str, str]:
    """The first available provider of each stage; a stage without one cannot start."""
    return {name: _first(name, stage) for name, stage in stages(config).items()}


def stages(config: Config) -> dict[str, Asr | Llm | Tts]:
    return {"asr": config.asr, "llm": config.llm, "tts": config.tts}


def _first(name: str, stage: Asr | Llm | Tts) -> str:
    tried = candidates(stage)
    for candidate in tried:
        if candidate.lacks is None:
            return candidate.name
    reasons = "; ".join(f"{candidate.name}: {candidate.lacks}" for candidate in tried)
    raise ConfigError("no_provider", f"no provider for {name} is available ({reasons})")


def _lack(stage: Asr | Llm | Tts, name: str) -> str | None:
    settings = stage.engines[name]
    try:
        return engine_module(settings.engine).why_unavailable(settings)
    except ProviderError as error:
        return error.message
    except ImportError as error:
        return f"its library cannot be loaded: {error}"
