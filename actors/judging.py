"""Where speech is in what the callers of a shard say: their windows go to voice activity detection together.

There is one call at a time, and what gathers meanwhile goes with the next, so one caller waits for nobody and hundreds share a
call. While nobody detects, audio waits here.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from actors.engines.silero import WINDOW
from actors.gathering import Throttle
from actors.lateness import Lateness
from pipeline.ear import Ear

log = logging.getLogger(__name__)

_WINDOWS_A_CALL = 4
_FAR_BEHIND, _CATCHING_UP = 16, 64
"""Windows from which a caller is far behind, and how many of them go with a call then."""
_AGAIN_S = 0.05


class Detector(Protocol):
    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes: ...


class Heard(Protocol):
    """Who is heard."""

    id: int
    ear: Ear


C = TypeVar("C", bound=Heard)


class Judging(Generic[C]):
    def __init__(self, detector: Detector, tick_ms: float, lateness: Lateness, take: Callable[[C, float, float], None]) -> None:
        """`take` gets a caller, how likely their oldest window that was not judged yet holds speech, and the time."""
        self._detector = detector
        self._throttle = Throttle(tick_ms)
        self._lateness = lateness
        self._take = take
        self._ready: dict[int, C] = {}
        self._gone: list[int] = []
        self._stirred = asyncio.Event()
        self.lag_s = 0.0
        """How long audio waits until it is judged, on average."""

    def hear(self, caller: C) -> None:
        """Windows of this caller are ready."""
        self._ready[caller.id] = caller
        self._stirred.set()

    def forget(self, caller: C) -> None:
        self._ready.pop(caller.id, None)
        self._gone.append(caller.id)
        self._stirred.set()

    def calm_down(self) -> None:
        """When nobody waits, an old lag says nothing of now."""
        if not self._ready:
            self.lag_s /= 2

    async def judge_forever(self) -> None:
        while True:
            await self._stirred.wait()
            began = time.monotonic()
            await self._throttle()
            self._stirred.clear()
            judged = await self._judge()
            now = time.monotonic()
            self.lag_s += (now - began - self.lag_s) / 8
            self._lateness.judged(judged, 1000 * (now - began), now)
            if self._ready:
                self._stirred.set()

    async def _judge(self) -> int:
        """What is ready; returns how many windows that was."""
        callers, windows = self._take_windows()
        gone, self._gone = self._gone, []
        ids = np.array([caller.id for caller in callers], np.int64).tobytes()
        probabilities = await self._detect(ids, windows, np.array(gone, np.int64).tobytes())
        now = time.monotonic()
        for caller, probability in zip(callers, np.frombuffer(probabilities, np.float32).tolist(), strict=True):
            self._take(caller, probability, now)
        return len(callers)

    def _take_windows(self) -> tuple[list[C], bytes]:
        callers: list[C] = []
        windows: list[bytes] = []
        ready, self._ready = self._ready, {}
        for caller in ready.values():
            ear = caller.ear
            count = ear.windows_ready()
            most = _CATCHING_UP if count > _FAR_BEHIND else _WINDOWS_A_CALL
            for _ in range(min(count, most)):
                window = ear.next_window()
                if window is not None:
                    callers.append(caller)
                    windows.append(window[-WINDOW:].tobytes())
            if count > most:
                self._ready[caller.id] = caller
        return callers, b"".join(windows)

    async def _detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        while True:
            try:
                return await self._detector.detect(ids, windows, gone)
            except Exception as error:
                # It is being started again.
                log.warning("voice activity detection failed (%s), trying again", type(error).__name__)
                await asyncio.sleep(_AGAIN_S)
