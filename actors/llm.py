"""LLM: the reply to a conversation from the first provider that can, in phrases if it will be spoken.

Phrases are cut here and not where they are spoken, and what came meanwhile goes together: a reply crosses to its conversation
in a few messages, not in one for each token. Words and function calls keep their order; where the call flow stands and how the
reply ended come last. Only phrases lose their markdown: a reply that is only read keeps each of its characters.
"""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from itertools import groupby

from actors.gathering import gathered
from actors.providers import Providers
from pipeline.config import Config
from pipeline.figures import Snapshot
from pipeline.flow import load_flow
from pipeline.phrasing import Phraser
from pipeline.ports import CallDelta, Finish, FlowStep, Prompt, ReplyPart, TextDelta, Thinker

Piece = str | CallDelta | FlowStep | Finish
"""Of a reply: a phrase or raw text, a piece of a call, where the call flow stands, how it ended."""

TimedParts = tuple[float, list[Piece], tuple[str, ...]]
"""Seconds until they came, pieces of a reply, and what was done because a provider was late."""


class LLM:
    def __init__(self, config: Config) -> None:
        self._providers: Providers[Thinker] = Providers(config.llm, config.flows_dir)
        # Read now, and not while the first caller waits.
        load_flow(config.flows_dir, config.conversation.flow)

    async def reply(self, prompt: Prompt, patience_s: float) -> AsyncGenerator[TimedParts, None]:
        began = time.monotonic()
        making = _Making(prompt)
        did: list[str] = []
        parts = self._providers.stream(lambda engine: engine.reply(prompt), patience_s, did)
        async with aclosing(gathered(parts)) as gatherings:
            async for gathering in gatherings:
                if pieces := making.push(gathering):
                    yield time.monotonic() - began, pieces, tuple(did)
                    did.clear()
        if pieces := making.end():
            yield time.monotonic() - began, pieces, tuple(did)

    def status(self) -> list[dict[str, str]]:
        return self._providers.status()

    def figures(self) -> Snapshot:
        return self._providers.figures("llm")


class _Making:
    """One reply while it is made."""

    def __init__(self, prompt: Prompt) -> None:
        self._language = prompt.language
        self._phraser = Phraser(prompt.language) if prompt.wish.spoken else None
        self._step: FlowStep | None = None
        self._finish: Finish | None = None

    def push(self, parts: Iterable[ReplyPart]) -> list[Piece]:
        """What can be passed on already."""
        pieces: list[Piece] = []
        for part in _joined(parts):
            match part:
                case TextDelta():
                    pieces += self._words(part.text)
                case CallDelta():
                    pieces += self._rest()
                    pieces.append(part)
                case FlowStep():
                    self._step = part
                case Finish():
                    self._finish = part
        return pieces

    def end(self) -> list[Piece]:
        ends = (self._step, self._finish)
        return [*self._rest(), *(end for end in ends if end is not None)]

    def _words(self, text: str) -> list[str]:
        if self._phraser is not None:
            return self._phraser.push(text)
        return [text] if text else []

    def _rest(self) -> list[str]:
        """Words that waited for more; what comes after them begins anew."""
        if self._phraser is None:
            return []
        ended, self._phraser = self._phraser, Phraser(self._language)
        return ended.flush()


def _joined(parts: Iterable[ReplyPart]) -> Iterable[ReplyPart]:
    """The same parts, with neighbours of one kind, or of one call, as one."""
    for _, group in groupby(parts, key=_kind):
        first, *others = group
        match first:
            case TextDelta():
                yield TextDelta("".join((first.text, *(part.text for part in others if isinstance(part, TextDelta)))))
            case CallDelta():
                pieces = (first.arguments, *(part.arguments for part in others if isinstance(part, CallDelta)))
                yield CallDelta(first.call_id, first.name, "".join(pieces))
            case FlowStep() | Finish():
                yield others[-1] if others else first


def _kind(part: ReplyPart) -> tuple[type, str]:
    return type(part), part.call_id if isinstance(part, CallDelta) else ""
