"""Callers who ask one question after the other, and come back by themselves when their connection breaks."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.caller import Caller, connect
from bench.chaos import Asker
from bench.frames import frame
from bench.measure import REPLY_BYTES
from bench.reconnecting import ReconnectingCaller
from bench.speech import question
from bench.wires import FRAME_S, WIRES
from pipeline.ports import Samples

WIRE = WIRES["ws"]
EVERY_S = 6.0
"""From one question of a caller to the next."""


def spoken() -> Samples:
    """What they ask; to be made outside of an event loop."""
    return question("What are your opening hours?", rate=WIRE.rate)


class Crowd:
    def __init__(self, url: str, size: int) -> None:
        self.callers = [ReconnectingCaller(url) for _ in range(size)]
        self._asks = self._goes_on = True
        self._askers: list[Asker] = []
        self._talking: asyncio.Task[None] | None = None

    async def begin(self, speech: Samples) -> None:
        for caller in self.callers:
            await caller.open()
        size = round(WIRE.rate * FRAME_S)
        frames, silence = [frame(row.tobytes()) for row in speech.reshape(-1, size)], frame(bytes(2 * size))
        begins, gap_s = time.monotonic(), EVERY_S / len(self.callers)
        self._askers = [
            Asker(caller, frames, silence, EVERY_S, begins + number * gap_s) for number, caller in enumerate(self.callers)
        ]
        self._talking = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        due = time.monotonic()
        while self._goes_on or any(asker.waits(time.monotonic()) for asker in self._askers):
            for asker in self._askers:
                asker.step(time.monotonic(), self._asks)
            due += FRAME_S
            await asyncio.sleep(due - time.monotonic())

    def pause(self) -> None:
        """They stay, and ask nothing for a while."""
        self._asks = False

    def go_on(self) -> None:
        self._asks = True

    async def finish(self) -> None:
        """Everybody hears the last reply to its end."""
        assert self._talking is not None
        self._asks = self._goes_on = False
        await self._talking

    def close(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
        for caller in self.callers:
            caller.leave()
            caller.close()

    # What became of it

    @property
    def cut(self) -> int:
        """Callers who lost their conversation."""
        return sum(caller.gave_up > 0 for caller in self.callers)

    @property
    def returns(self) -> int:
        """How often somebody came back."""
        return sum(len(caller.returns) for caller in self.callers)

    def questions(self) -> list[int]:
        """How many each of them asked."""
        return [len(caller.hearing.questions) for caller in self.callers]

    def faults(self) -> Counter[str]:
        """What was wrong with the replies."""
        every = [one for caller in self.callers for one in caller.hearing.questions]
        return Counter(str(fault) for one in every for fault in one.faults(REPLY_BYTES))

    def stories(self) -> list[list[str]]:
        """Of the questions whose replies were not as they should be."""
        every = [one for caller in self.callers for one in caller.hearing.questions]
        return [[f"{at - one.begun_at:.2f} {what}" for at, what in one.story] for one in every if one.faults(REPLY_BYTES)]


@asynccontextmanager
async def talking(url: str, size: int, speech: Samples) -> AsyncIterator[Crowd]:
    crowd = Crowd(url, size)
    try:
        await crowd.begin(speech)
        yield crowd
    finally:
        crowd.close()


@asynccontextmanager
async def listening(url: str, size: int) -> AsyncIterator[list[Caller]]:
    """Others who say nothing."""
    callers = [(await connect(url, WIRE))[0] for _ in range(size)]
    try:
        yield callers
    finally:
        for caller in callers:
            caller.leave()
            caller.close()
