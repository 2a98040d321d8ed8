"""Stand-ins for providers, with delays that are known: what is measured around them is the rest of the system.

Rules: hundreds of conversations share one of these, so whatever can be made once is made once (tokens, and the chunks of the
tone, which are views of one read-only array). Tokens are due at fixed moments after the request, as they would be from a
distant provider: a busy event loop hands out late ones together and does not push the next ones back.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import numpy as np

from pipeline import engine_settings
from pipeline.engine_settings import Settings, SimFaults
from pipeline.errors import ProviderError
from pipeline.ports import CallDelta, Message, Phrase, Prompt, Speech, TextDelta, Tool, Transcript, Utterance, Voice

TONE_PEAK = 8_000
"""Of 32,767: loud enough to count as sound everywhere, far from clipping."""
_TONES_KEPT = 16
_WORD = re.compile(r"[^\W_]+")


class SimRecogniser:
    def __init__(self, settings: engine_settings.SimRecogniser) -> None:
        self._settings = settings

    async def transcribe(self, utterance: Utterance) -> Transcript:
        await asyncio.sleep(_first_delay_s(self._settings, self._settings.delay_ms))
        _maybe_fail(self._settings)
        return Transcript(text=self._settings.text, language=utterance.language, confidence=1.0)


class SimThinker:
    def __init__(self, settings: engine_settings.SimThinker) -> None:
        self._settings = settings
        first, *rest = settings.text.split() or [""]
        self._deltas = [TextDelta(text) for text in (first, *(f" {word}" for word in rest))]

    async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallDelta, None]:
        """The same words always, but for a caller who says a word of a function's name: then it is called."""
        tool = _tool_named(prompt)
        deltas = [CallDelta(f"call_{uuid4().hex}", tool.name, "{}")] if tool else self._deltas
        now = asyncio.get_running_loop().time
        due = now() + _first_delay_s(self._settings, self._settings.delay_ms)
        for number, delta in enumerate(deltas):
            if (wait := due - now()) > 0:
                await asyncio.sleep(wait)
            if number == 0:
                _maybe_fail(self._settings)
            yield delta
            due += _varied_s(self._settings, self._settings.token_gap_ms)


class SimSpeaker:
    def __init__(self, settings: engine_settings.SimSpeaker) -> None:
        self._settings = settings

    async def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        """A tone whatever the voice; at twice the pace it lasts half as long."""
        settings = self._settings
        await asyncio.sleep(_first_delay_s(settings, settings.delay_ms))
        _maybe_fail(settings)
        for chunk in _tone(settings.rate, settings.tone_hz, round(settings.duration_ms / phrase.speed), settings.chunk_ms):
            yield chunk

    def voices(self) -> tuple[Voice, ...]:
        return (Voice("tone", "", f"a tone of {self._settings.tone_hz} Hz, for measurements"),)


def why_unavailable(settings: Settings) -> str | None:
    return None


def make(settings: Settings, flows_dir: Path) -> SimRecogniser | SimThinker | SimSpeaker:
    match settings:
        case engine_settings.SimRecogniser():
            return SimRecogniser(settings)
        case engine_settings.SimThinker():
            return SimThinker(settings)
        case engine_settings.SimSpeaker():
            return SimSpeaker(settings)
        case _:
            raise TypeError(f"not a simulated provider: {type(settings).__name__}")


def _tool_named(prompt: Prompt) -> Tool | None:
    last = prompt.messages[-1] if prompt.messages else None
    said = set(_WORD.findall(last.text.lower())) if isinstance(last, Message) and last.role == "user" else set()
    offered = prompt.wish.tools if prompt.wish.tool_choice != "none" else ()
    return next((tool for tool in offered if said.intersection(_WORD.findall(tool.name.lower()))), None)


def _first_delay_s(settings: SimFaults, delay_ms: int) -> float:
    stall_s = settings.stall_s if random.random() < settings.stall_rate else 0.0
    return stall_s + _varied_s(settings, delay_ms)


def _varied_s(settings: SimFaults, delay_ms: int) -> float:
    return delay_ms / 1000 * (1 + settings.jitter * random.uniform(-1, 1))


def _maybe_fail(settings: SimFaults) -> None:
    if random.random() < settings.error_rate:
        raise ProviderError("sim_error", "The simulated provider failed, as error_rate asks it to.")


@lru_cache(_TONES_KEPT)
def _tone(rate: int, hertz: int, duration_ms: int, chunk_ms: int) -> tuple[Speech, ...]:
    times = np.arange(rate * duration_ms // 1000) / rate
    tone = (TONE_PEAK * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    tone.flags.writeable = False  # the chunks are shared by every conversation of the process
    step = max(1, rate * chunk_ms // 1000)
    return tuple(Speech(samples=tone[start : start + step], rate=rate) for start in range(0, len(tone), step))
