"""Speech from the terminal, made here by the first available provider; no server takes part."""

from collections.abc import AsyncIterator
from typing import cast

import numpy as np

from actors.engines import engine_module
from parley.providers import candidates
from parley.wav import Recording
from pipeline.config import Config
from pipeline.errors import ConfigError, ProviderError
from pipeline.ports import Phrase, Speaker, Speech


async def say(config: Config, phrase: Phrase) -> tuple[str, Recording]:
    """The speech, and the provider that made it. One that fails before it has spoken is followed by the next."""
    reasons: list[str] = []
    for candidate in candidates(config.tts):
        if candidate.lacks is not None:
            reasons.append(f"{candidate.name}: {candidate.lacks}")
            continue
        settings = config.tts.engines[candidate.name]
        try:
            speaker = cast(Speaker, engine_module(settings.engine).make(settings, config.flows_dir))
            return candidate.name, await _gather(speaker.speak(phrase))
        except ProviderError as error:
            reasons.append(f"{candidate.name}: {error.message}")
    raise ConfigError("no_provider", f"no provider can say that ({'; '.join(reasons)})")


async def _gather(speech: AsyncIterator[Speech]) -> Recording:
    parts = [part async for part in speech]
    if not parts:
        raise ProviderError("no_audio", "it made no sound", retryable=False)
    return Recording(np.concatenate([part.samples for part in parts]), parts[0].rate)
