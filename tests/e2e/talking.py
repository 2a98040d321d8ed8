"""One conversation with a real server, followed until what the test waits for has come."""

import asyncio
from typing import Any

import numpy as np

from parley.client import Client
from pipeline.ports import Samples

PATIENCE_S = 30.0


class Talk:
    """Everything that came, in order; audio is joined by turn."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.messages: list[dict[str, Any]] = []
        self.audio: dict[int, bytearray] = {}
        self._sounding = -1
        self._came = asyncio.Condition()
        self._microphone: asyncio.Task[None] | None = None
        self._listening = asyncio.create_task(self._listen())

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first message of a kind with these fields; raises the reason when the server ends the call instead."""

        def found() -> dict[str, Any] | None:
            wanted = {"type": kind, **fields}
            return next((message for message in self.messages if wanted.items() <= message.items()), None)

        async with asyncio.timeout(PATIENCE_S), self._came:
            while (message := found()) is None:
                if self._listening.done():
                    raise AssertionError(f"no {kind} came, only {self.kinds()}")
                await self._came.wait()
            return message

    async def until_over(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self._listening])

    async def say(self, samples: Samples) -> None:
        """Speaks into the microphone, which hears silence otherwise from now on."""
        if self._microphone is not None:
            self._microphone.cancel()
        await self.client.speak(samples)
        self._microphone = asyncio.create_task(self._be_silent())

    async def stop(self) -> None:
        if self._microphone is not None:
            self._microphone.cancel()
        self._listening.cancel()

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    async def _be_silent(self) -> None:
        while True:
            await self.client.speak(np.zeros(self.client.rate // 10, np.int16))

    def _place(self, message: dict[str, Any]) -> None:
        """What comes from now on belongs to this turn; what comes again is thrown away."""
        if message["type"] not in ("audio_started", "resumed"):
            return
        self._sounding = message["turn"]
        audio = self.audio.setdefault(self._sounding, bytearray())
        del audio[2 * message.get("at_ms", 0) * self.client.out_rate // 1000 :]

    async def _listen(self) -> None:
        try:
            async for message in self.client:
                async with self._came:
                    if isinstance(message, bytes):
                        self.audio[self._sounding].extend(message)
                    else:
                        self.messages.append(message)
                        self._place(message)
                    self._came.notify_all()
        finally:
            async with self._came:
                self._came.notify_all()
