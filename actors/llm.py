"""LLM: the reply to a conversation in phrases that can be spoken, from the first provider that can.

Phrases are cut here and not where they are spoken: a reply crosses to its conversation in one or two messages, not in one for
each token.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from actors.providers import Providers
from pipeline.config import Config
from pipeline.flow import load_flow
from pipeline.phrasing import Phraser
from pipeline.ports import FlowStep, Prompt, TextDelta, Thinker

TimedParts = tuple[float, list[str | FlowStep], tuple[str, ...]]
"""Seconds until they came, phrases or where the call flow stands, and what was done because a provider was late."""


class LLM:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Thinker] = Providers(config.llm, config.flows_dir)
        # Read now, and not while the first caller waits.
        load_flow(config.flows_dir, config.conversation.flow)

    async def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        began = time.monotonic()
        phraser = Phraser(prompt.language)
        step: FlowStep | None = None
        did: list[str] = []
        async with aclosing(self._providers.stream(lambda engine: engine.reply(prompt), patience_s, did)) as stream:
            async for part in stream:
                if not isinstance(part, TextDelta):
                    step = part
                elif phrases := phraser.push(part.text):
                    yield time.monotonic() - began, list(phrases), tuple(did)
                    did.clear()
        rest: list[str | FlowStep] = [*phraser.flush()]
        if step is not None:
            rest.append(step)
        if rest:
            yield time.monotonic() - began, rest, tuple(did)

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()
