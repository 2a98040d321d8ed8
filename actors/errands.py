"""What one conversation asked of the stages, while it is under way; results go back to it as events.

An errand that was abandoned is cancelled, and so is its request; one that fails becomes a `StageFailed`.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, assert_never

from actors.stages import Stages, as_parley_error
from pipeline import events as on
from pipeline.commands import Speak, Think, Transcribe
from pipeline.ports import CallDelta, Finish, FlowStep, Samples, Utterance
from pipeline.work import Work

log = logging.getLogger(__name__)


class Errands:
    def __init__(self, name: str, stages: Stages, give: Callable[[on.Event], None]) -> None:
        self._name = name
        self._stages = stages
        self._give = give
        self._tasks: dict[Work, set[asyncio.Task[None]]] = {}
        self.at_stage = {"asr": 0, "llm": 0, "tts": 0}
        """Requests that each stage has not answered yet."""

    @property
    def under_way(self) -> int:
        return sum(map(len, self._tasks.values()))

    def transcribe(self, command: Transcribe, samples: Samples) -> None:
        self._start("asr", command.work, self._transcribe(command, samples))

    def run(self, command: Think | Speak) -> None:
        match command:
            case Think():
                self._start("llm", command.work, self._think(command))
            case Speak():
                self._start("tts", command.work, self._speak(command))
            case _:
                assert_never(command)

    def abandon(self, work: Work) -> None:
        for task in self._tasks.pop(work, ()):
            task.cancel()  # It may be the one that runs now: what it brought was the end of it.

    def abandon_all(self) -> None:
        for work in list(self._tasks):
            self.abandon(work)

    def _start(self, stage: str, work: Work, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work, errand))
        self._tasks.setdefault(work, set()).add(task)
        self.at_stage[stage] += 1

        def done(_: asyncio.Task[None]) -> None:
            self.at_stage[stage] -= 1
            errand.close()  # It may have been abandoned before it began.
            tasks = self._tasks.get(work)
            if tasks is not None:
                tasks.discard(task)
                if not tasks:
                    del self._tasks[work]

        task.add_done_callback(done)

    async def _guarded(self, work: Work, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        except Exception as error:
            failure = as_parley_error(error)
            log.warning("conversation %s turn %d: %s", self._name, work.turn, failure)
            self._give(on.StageFailed(work, failure.code, failure.message, failure.fault))

    async def _transcribe(self, command: Transcribe, samples: Samples) -> None:
        utterance = Utterance(samples, command.language, command.phrases, command.prompt)
        transcript, took_s, did = await self._stages.transcribe(utterance, command.patience_s)
        self._give(on.Transcribed(command.work, transcript, took_s, did))

    async def _think(self, command: Think) -> None:
        step: FlowStep | None = None
        finish = Finish()
        async with aclosing(self._stages.reply(command.prompt, command.patience_s)) as stream:
            async for took_s, parts, did in stream:
                for part in parts:
                    match part:
                        case str():
                            self._give(on.ReplyGrew(command.work, part, took_s, did))
                        case CallDelta():
                            self._give(on.CallGrew(command.work, part, took_s))
                        case FlowStep():
                            step = part
                        case Finish():
                            finish = part
        self._give(on.ReplyEnded(command.work, step, finish))

    async def _speak(self, command: Speak) -> None:
        async with aclosing(self._stages.speak(command.phrase, command.rate, command.patience_s)) as stream:
            async for took_s, pcm, words, did in stream:
                self._give(on.SpeechMade(command.work, command.index, pcm, words, took_s, did))
        self._give(on.PhraseEnded(command.work, command.index))
