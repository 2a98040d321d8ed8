"""A text read aloud: its phrases in their order, as one stream of sound.

The next phrase is asked for as soon as the one before it sounds, and no further one; of each, a few pieces may wait. So the
phrases follow each other without a gap, and little is made for a listener who is slow or leaves.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from actors.stages import Stages, as_parley_error
from actors.tts import TimedSpeech
from pipeline.errors import ParleyError
from pipeline.ports import Phrase

SILENCE_S = 0.1
"""Sound of a text in which there is nothing to say: many players refuse a file that holds none."""
_MOST_WAITING = 8


async def read_aloud(stages: Stages, phrases: Iterable[Phrase], rate: int, patience_s: float) -> AsyncGenerator[bytes, None]:
    """PCM16, mono; raises `ParleyError` where a phrase cannot be spoken."""
    coming = iter(phrases)
    spoken: list[_Spoken] = []
    silent = True

    def ask() -> None:
        phrase = next(coming, None)
        if phrase is not None:
            spoken.append(_Spoken(stages.speak(phrase, rate, patience_s)))

    ask()
    try:
        while spoken:
            while (pcm := await spoken[0].piece()) is not None:
                if len(spoken) == 1:
                    ask()
                silent = False
                yield pcm
            if len(spoken) == 1:
                ask()
            await spoken.pop(0).close()
    finally:
        for phrase in spoken:
            await phrase.close()
    if silent:
        yield bytes(2 * int(SILENCE_S * rate))


class _Spoken:
    """One phrase on its way."""

    def __init__(self, speech: AsyncGenerator[TimedSpeech, None]) -> None:
        self._made: asyncio.Queue[bytes | ParleyError | None] = asyncio.Queue(_MOST_WAITING)
        self._task = asyncio.create_task(self._pump(speech))

    async def piece(self) -> bytes | None:
        """The next piece, or None at the end."""
        made = await self._made.get()
        if isinstance(made, ParleyError):
            raise made
        return made

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _pump(self, speech: AsyncGenerator[TimedSpeech, None]) -> None:
        try:
            async with aclosing(speech):
                async for _, pcm, _, _ in speech:
                    if pcm:
                        await self._made.put(pcm)
        except Exception as error:
            await self._made.put(as_parley_error(error))
        else:
            await self._made.put(None)
