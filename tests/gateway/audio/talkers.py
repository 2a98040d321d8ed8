"""A speech stage whose every phrase waits for the test."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from actors.tts import TimedSpeech
from pipeline.ports import Phrase, Voice

PIECE = b"\x10\x20" * 12_000
"""Half a second at 24 kHz."""


class Talkers:
    """Speaks each phrase as one piece after another, as many as the test lets it; a phrase may fail after some."""

    def __init__(self, pieces: int = 1, fails: dict[int, Exception] | None = None) -> None:
        self.pieces = pieces
        self.fails = fails or {}
        """Of the phrase with this number, in place of its last piece."""
        self.asked: list[Phrase] = []
        self.held: dict[int, asyncio.Event] = {}
        """Phrases that wait until their event is set."""
        self.made = 0
        self.closed = 0
        self.known: tuple[Voice, ...] = (Voice("f3", "", "a voice"), Voice("en-gb", "en-gb", "another"))

    async def speak(self, phrase: Phrase, rate: int, patience_s: float) -> AsyncGenerator[TimedSpeech, None]:
        number = len(self.asked)
        self.asked.append(phrase)
        try:
            if number in self.held:
                await self.held[number].wait()
            for piece in range(self.pieces):
                if number in self.fails and piece == self.pieces - 1:
                    raise self.fails[number]
                self.made += 1
                yield 0.0, PIECE, (), ()
        finally:
            self.closed += 1

    async def voices(self) -> tuple[Voice, ...]:
        return self.known

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should ask for {name}")


async def until(condition: Callable[[], bool]) -> None:
    """Lets others work until it is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells when it becomes so
            await asyncio.sleep(0)
