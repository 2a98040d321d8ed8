"""VADActor: says for windows of all conversations at once how likely each holds speech.

It holds only the model's memory of each conversation; when it dies, a fresh one goes on a moment later with none.
"""

import time
from typing import Any

import numpy as np

from actors.engines.silero import WINDOW, SileroVad
from actors.line import Address, Line, Switchboard
from actors.loop_lag import LoopLag
from actors.tally import Standing
from pipeline import figures as of
from pipeline.config import Config
from pipeline.figures import Figures

Windows = tuple[int, bytes, bytes, bytes]
"""A number that the answer repeats, and columns as in a tick: int64 conversations, a window of int16 for each, and the
conversations that ended."""
Probabilities = tuple[int, bytes]
"""The number of the question, and float32 for each window."""


class VADActor:
    def __init__(self, config: Config) -> None:
        self._vad = SileroVad(config.vad.threads)
        self._windows = 0
        self._figures = Figures()
        self._loop_lag = LoopLag()
        self._switchboard = Switchboard(self._take, lambda _: None)

    async def address(self) -> Address:
        """Where shards call."""
        self._loop_lag.start()
        return await self._switchboard.address()

    def _take(self, line: Line, message: Windows) -> None:
        number, ids, windows, gone = message
        line.send((number, self.detect(ids, windows, gone)))

    def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        self._vad.forget(np.frombuffer(gone, np.int64).tolist())
        conversations = np.frombuffer(ids, np.int64).tolist()
        if not conversations:
            return b""
        self._windows += len(conversations)
        batch = np.frombuffer(windows, np.int16).reshape(-1, WINDOW)
        return self._vad.detect(conversations, batch, time.monotonic()).tobytes()

    async def status(self) -> dict[str, Any]:
        return {
            "conversations": self._vad.conversations,
            "windows": self._windows,
            "loop_lag_ms": round(self._loop_lag.ms, 1),
        }

    async def standing(self) -> Standing:
        """How it goes, for whoever watches."""
        status = await self.status()
        self._figures.put(of.WINDOWS, self._windows)
        self._figures.put(of.LOOP_LAG, self._loop_lag.ms / 1000)
        return Standing(status, self._figures.snapshot())
