"""LLM: the reply to a conversation, from the first provider that can."""

import time
from collections.abc import AsyncGenerator, AsyncIterator

from actors.gathering import gathered
from actors.providers import Providers
from pipeline.config import Config
from pipeline.ports import Prompt, ReplyPart, Thinker

TimedPart = tuple[float, ReplyPart]


class LLM:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Thinker] = Providers(config.llm, config.flows_dir)

    async def reply(self, prompt: Prompt) -> AsyncGenerator[list[TimedPart], None]:
        """Parts of the reply, each with the seconds that passed until it came."""
        began = time.monotonic()

        async def timed() -> AsyncIterator[TimedPart]:
            async for part in self._providers.stream(lambda engine: engine.reply(prompt)):
                yield time.monotonic() - began, part

        async for parts in gathered(timed()):
            yield parts

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()
