"""Stages that hear by script, and show what they were asked."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.asr import TimedTranscript
from pipeline.errors import ParleyError
from pipeline.ports import Transcript, Utterance

Heard = str | Transcript | ParleyError


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


class HearingStages:
    """`heard` gives an answer for each utterance, in the order in which they are asked; held ones wait for `release`."""

    def __init__(
        self, heard: Callable[[int, Utterance], Heard] = lambda number, _: f"piece {number}", hold: bool = False
    ) -> None:
        self.asked: list[Utterance] = []
        self.patience: set[float] = set()
        self.under_way = 0
        self.most_at_once = 0
        self.cancelled = 0
        self._heard = heard
        self._changed = asyncio.Condition()
        self._released = 10**9 if not hold else 0

    async def transcribe(self, utterance: Utterance, patience_s: float) -> TimedTranscript:
        number = len(self.asked)
        self.asked.append(utterance)
        self.patience.add(patience_s)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            async with self._changed:
                self._changed.notify_all()
                await self._changed.wait_for(lambda: number < self._released)
            answer = self._heard(number, utterance)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        if isinstance(answer, ParleyError):
            raise answer
        return (Transcript(answer, utterance.language) if isinstance(answer, str) else answer), 0.1, ()

    async def until_asked(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def release(self, count: int) -> None:
        """Lets the next ones answer."""
        async with self._changed:
            self._released += count
            self._changed.notify_all()

    async def warm(self) -> None:
        raise AssertionError("transcriptions need no warming")

    def reply(self, *_: Any) -> Any:
        raise AssertionError("transcriptions are heard, and nothing else")

    speak = reply
