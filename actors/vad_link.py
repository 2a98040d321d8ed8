"""A shard's way to voice activity detection: its own VAD actor, or the next one while that is gone."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError

from actors.line import Line, dial
from actors.vad import Probabilities

log = logging.getLogger(__name__)

_ADDRESS_S = 1.0
"""How long Ray may take to say where an actor is called: milliseconds, unless it is being started again."""
_ANSWER_S = 2.0
"""How long windows may be judged: a fraction of a second on a loaded machine."""
_RETURN_S = 1.0
"""Between two attempts to reach its own actor again."""


class VadLink:
    """Asks one question at a time."""

    def __init__(self, names: Sequence[str], actor: Callable[[str], Any]) -> None:
        """Its own actor's name comes first; `actor` gives a handle of the one with a name."""
        self._names = tuple(names)
        self._actor = actor
        self._at = 0
        """Which of them is asked."""
        self._line: Line | None = None
        self._own: Line | None = None
        """A line to its own actor, which has come back while another one was asked."""
        self._returning: asyncio.Task[None] | None = None
        self._number = 0
        self._answer: asyncio.Future[bytes] | None = None

    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        """Raises ConnectionError when none of them answers."""
        for _ in self._names:
            try:
                return await self._ask(await self._reach(), ids, windows, gone)
            except OSError as error:
                log.warning("%s does not answer (%s)", self._names[self._at], str(error) or type(error).__name__)
                self._turn_away()
        raise ConnectionError("nobody detects voice activity")

    async def _ask(self, line: Line, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        self._number += 1
        answer = self._answer = asyncio.get_running_loop().create_future()
        line.send((self._number, ids, windows, gone))
        async with asyncio.timeout(_ANSWER_S):
            return await answer

    def _take(self, _: Line, message: Probabilities) -> None:
        number, probabilities = message
        if number == self._number and self._answer is not None and not self._answer.done():
            self._answer.set_result(probabilities)

    def _lost(self, line: Line) -> None:
        if line is self._line and self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the line is lost"))

    # Which of them

    async def _reach(self) -> Line:
        own, self._own = self._own, None
        if own is not None and own.open:
            if self._line is not None:
                self._line.close()
            self._at, self._line = 0, own
        if self._line is None or not self._line.open:
            self._line = await self._dial(self._names[self._at])
        return self._line

    def _turn_away(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        self._at = (self._at + 1) % len(self._names)
        if self._at and (self._returning is None or self._returning.done()):
            self._returning = asyncio.create_task(self._return())

    async def _return(self) -> None:
        """Its own actor is asked again as soon as it is back, so that the work stays spread."""
        while self._at and self._own is None:
            await asyncio.sleep(_RETURN_S)
            with suppress(OSError):
                self._own = await self._dial(self._names[0])

    async def _dial(self, name: str) -> Line:
        try:
            async with asyncio.timeout(_ADDRESS_S):
                address = await self._actor(name).address.remote()
        except (RayError, ValueError) as error:
            raise ConnectionError("Ray does not reach it") from error
        return await dial(address, self._take, self._lost)
