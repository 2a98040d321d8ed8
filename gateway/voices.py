"""The voices that may be asked for, as the stage that speaks lists them; they do not change while it runs."""

import asyncio
import logging

from actors.engines.voices import OPENAI_VOICES, is_known
from actors.stages import Stages, as_parley_error
from pipeline.errors import ClientError, ParleyError
from pipeline.ports import Voice

log = logging.getLogger(__name__)

_PATIENCE_S = 2.0
"""How long who begins to talk waits for the list."""


class Voices:
    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._listed: tuple[Voice, ...] = ()

    async def listed(self) -> tuple[Voice, ...]:
        """Raises `ParleyError` when the stage cannot tell."""
        if not self._listed:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    self._listed = await self._stages.voices()
            except Exception as error:
                raise as_parley_error(error) from None
        return self._listed

    async def names(self) -> frozenset[str]:
        """All of them; none while the stage cannot tell, and then any may be asked for."""
        try:
            return frozenset(OPENAI_VOICES) | {voice.name for voice in await self.listed()}
        except ParleyError as error:
            log.warning("the voices are not known yet (%s)", error.code)
            return frozenset()

    async def check(self, name: str) -> None:
        """Raises `voice_unknown`."""
        if not name or name in OPENAI_VOICES:
            return
        names = await self.names()
        if names and not is_known(name, names):
            raise ClientError("voice_unknown", "there is no such voice; /v1/audio/voices lists those that there are", "voice")
