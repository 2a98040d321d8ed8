"""How a conversation's shard, and a gateway, reach the stages: in other processes, or directly in one.

A stage's failure comes out as a `ParleyError`, whatever it crossed on its way. A replica that dies costs a moment, no answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol, cast

from ray import serve
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from actors.asr import ASR, TimedTranscript
from actors.crew import Crew
from actors.line import Address
from actors.llm import LLM, TimedParts
from actors.retrying import Hearing, Speaking, Thinking, retried
from actors.tts import TTS, TimedSpeech
from pipeline.config import Budget, Config
from pipeline.errors import ParleyError, ServerError
from pipeline.figures import Report
from pipeline.ports import Phrase, Prompt, Utterance, Voice

APP = "parley"
STAGES = ("asr", "llm", "tts")


class Stages(Protocol):
    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript: ...
    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]: ...
    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]: ...
    async def voices(self) -> tuple[Voice, ...]: ...


class LocalStages:
    """The stages in this very process."""

    def __init__(self, config: Config) -> None:
        self._asr, self._llm, self._tts = ASR(config), LLM(config), TTS(config)

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        return await self._asr.transcribe(utterance, patience_s)

    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        return self._llm.reply(prompt, patience_s)

    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        return self._tts.speak(phrase, rate, patience_s)

    async def voices(self) -> tuple[Voice, ...]:
        return await self._tts.voices()


class Way(Protocol):
    """How replicas are reached: a `Crew` over lines, `Serve` by its calls."""

    def ask(self, stage: str, what: str, *arguments: Any) -> AsyncGenerator[Any, None]:
        """The pieces of one replica's answer."""
        ...


class FarStages:
    """The stages in other processes; what a replica could not finish is asked again."""

    def __init__(self, way: Way, budget: Budget = Budget()) -> None:  # noqa: B008 (frozen)
        self._way = way
        self._retry_s = budget.retry_s

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        def ask() -> AsyncGenerator[Any, None]:
            return self._way.ask("asr", "transcribe", utterance, patience_s)

        async with aclosing(retried("asr", ask, Hearing(), self._retry_s)) as answers:
            (answer,) = [answer async for answer in answers]
            return answer

    def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        def ask() -> AsyncGenerator[Any, None]:
            return self._way.ask("llm", "reply", prompt, patience_s)

        return retried("llm", ask, Thinking(spoken=prompt.wish.spoken), self._retry_s)

    def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        def ask() -> AsyncGenerator[Any, None]:
            return self._way.ask("tts", "speak", phrase, rate, patience_s)

        return retried("tts", ask, Speaking(rate), self._retry_s)

    async def address(self) -> Address:
        """Where the replicas of a crew call in."""
        assert isinstance(self._way, Crew)
        return await self._way.address()

    def reports(self) -> list[Report]:
        """How the replicas of a crew stand."""
        return self._way.reports() if isinstance(self._way, Crew) else []

    async def voices(self) -> tuple[Voice, ...]:
        async with aclosing(self._way.ask("tts", "voices")) as answers:
            return await anext(answers)


class Serve:
    """By Serve's calls, which find the replicas by themselves; handles are looked up when they are first needed."""

    def __init__(self) -> None:
        self._handles: dict[str, DeploymentHandle[Any]] = {}

    async def ask(self, stage: str, what: str, *arguments: Any) -> AsyncGenerator[Any, None]:
        pieces = cast(DeploymentResponseGenerator[Any], self._handle(stage).answer.remote(what, *arguments))
        finished = False
        try:
            async for piece in pieces:
                yield piece
            finished = True
        finally:
            if not finished:
                pieces.cancel()

    def _handle(self, stage: str) -> DeploymentHandle[Any]:
        handle = self._handles.get(stage)
        if handle is None:
            handle = self._handles[stage] = serve.get_deployment_handle(stage, app_name=APP).options(stream=True)
        return handle


def as_parley_error(error: Exception) -> ParleyError:
    """What went wrong, out of the wrappings that Ray puts around it."""
    if isinstance(error, ParleyError):
        return error
    cause = getattr(error, "cause", None)
    if isinstance(cause, ParleyError):
        return cause
    return ServerError("stage_failed", f"a stage of this server failed ({type(error).__name__})")
