"""How a conversation's shard reaches the stages: through Serve handles in a cluster, or directly in one process.

A stage's failure comes out as a `ParleyError`, whatever it crossed on its way. A replica that dies costs a moment, no answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from ray import serve
from ray.serve.handle import DeploymentHandle

from actors.asr import ASR, TimedTranscript
from actors.llm import LLM, TimedParts
from actors.retrying import Hearing, Speaking, Thinking, retried
from actors.tts import TTS, TimedSpeech
from pipeline.config import Budget, Config
from pipeline.errors import ParleyError, ServerError
from pipeline.ports import Phrase, Prompt, Utterance, Voice

APP = "parley"
STAGES = ("asr", "llm", "tts")


class Stages(Protocol):
    async def warm(self) -> None:
        """Makes the ways to the stages ready, so that no caller waits for that."""
        ...

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript: ...
    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]: ...
    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]: ...
    async def voices(self) -> tuple[Voice, ...]: ...


class LocalStages:
    """The stages in this very process."""

    def __init__(self, config: Config) -> None:
        self._asr, self._llm, self._tts = ASR(config), LLM(config), TTS(config)

    async def warm(self) -> None:
        pass

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        return await self._asr.transcribe(utterance, patience_s)

    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        return self._llm.reply(prompt, patience_s)

    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        return self._tts.speak(phrase, rate, patience_s)

    async def voices(self) -> tuple[Voice, ...]:
        return await self._tts.voices()


class ServeStages:
    """The stages as Serve deployments; handles are looked up when they are first needed."""

    def __init__(self, budget: Budget = Budget()) -> None:  # noqa: B008 (frozen)
        self._retry_s = budget.retry_s
        self._handles: dict[str, DeploymentHandle[Any]] = {}

    async def warm(self) -> None:
        for stage in STAGES:
            await self._handle(stage).status.remote()

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        def ask() -> AsyncGenerator[Any, None]:
            return _stream(self._streaming("asr").transcribing.remote(utterance, patience_s))

        async with aclosing(retried("asr", ask, Hearing(), self._retry_s)) as answers:
            (answer,) = [answer async for answer in answers]
            return answer

    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        def ask() -> AsyncGenerator[Any, None]:
            return _stream(self._streaming("llm").replying.remote(prompt, patience_s))

        return retried("llm", ask, Thinking(spoken=prompt.wish.spoken), self._retry_s)

    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        def ask() -> AsyncGenerator[Any, None]:
            return _stream(self._streaming("tts").speaking.remote(phrase, rate, patience_s))

        return retried("tts", ask, Speaking(rate), self._retry_s)

    async def voices(self) -> tuple[Voice, ...]:
        return await self._handle("tts").voices.remote()

    def _streaming(self, stage: str) -> DeploymentHandle[Any]:
        return self._handle(stage).options(stream=True)

    def _handle(self, stage: str) -> DeploymentHandle[Any]:
        handle = self._handles.get(stage)
        if handle is None:
            handle = self._handles[stage] = serve.get_deployment_handle(stage, app_name=APP)
        return handle


async def _stream(items: Any) -> AsyncGenerator[Any, None]:
    """Tells a replica to stop when its stream is left early."""
    finished = False
    try:
        async for item in items:
            yield item
        finished = True
    finally:
        if not finished:
            items.cancel()


def as_parley_error(error: Exception) -> ParleyError:
    """What went wrong, out of the wrappings that Ray puts around it."""
    if isinstance(error, ParleyError):
        return error
    cause = getattr(error, "cause", None)
    if isinstance(cause, ParleyError):
        return cause
    return ServerError("stage_failed", f"a stage of this server failed ({type(error).__name__})")
