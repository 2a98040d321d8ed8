"""LLM: the reply to a conversation in phrases that can be spoken, from the first provider that can.

Phrases are cut here and not where they are spoken: a reply crosses to its conversation in one or two messages, not in one for
each token.
"""

import time
from collections.abc import AsyncGenerator

from actors.providers import Providers
from pipeline.config import Config
from pipeline.phrasing import Phraser
from pipeline.ports import FlowStep, Prompt, TextDelta, Thinker

TimedPart = tuple[float, str | FlowStep]
"""A phrase, or where the call flow stands, and the seconds that passed until it was there."""


class LLM:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Thinker] = Providers(config.llm, config.flows_dir)

    async def reply(self, prompt: Prompt) -> AsyncGenerator[list[TimedPart], None]:
        began = time.monotonic()
        phraser = Phraser(prompt.language)
        step: FlowStep | None = None
        async for part in self._providers.stream(lambda engine: engine.reply(prompt)):
            if isinstance(part, TextDelta):
                phrases = phraser.push(part.text)
                if phrases:
                    took = time.monotonic() - began
                    yield [(took, phrase) for phrase in phrases]
            else:
                step = part
        took = time.monotonic() - began
        rest: list[TimedPart] = [(took, phrase) for phrase in phraser.flush()]
        if step is not None:
            rest.append((took, step))
        if rest:
            yield rest

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()
