"""Replies of a chat model behind OpenAI's protocol, streamed as they are written.

One engine serves OpenAI, Azure, Claude's compatible endpoint, vLLM and Ollama: only their addresses differ. Its instructions
are the client's, or else the call flow's, as its file stands at that moment. Closing a reply before its end closes the HTTP
stream, so that nobody pays for words nobody hears. A reply without words or calls has failed, except after a function's
result, which may leave nothing to say.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from actors.engines.chat_messages import chat_messages, tool_options
from actors.engines.cloud import CloudCalls, client_options, what_is_missing
from pipeline.engine_settings import OpenAIChat, Settings
from pipeline.errors import ProviderError
from pipeline.ports import CallDelta, Finish, Prompt, TextDelta, ToolResult, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage
    from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall

_CUTS: dict[str, Literal["max_output_tokens", "content_filter"]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Reasons to end that leave a reply unfinished."""


class OpenAIChatThinker:
    def __init__(self, settings: OpenAIChat, client: "AsyncOpenAI", instructions: Callable[[str, str], str]) -> None:
        """`instructions` gives the system prompt for a flow's name and a language."""
        self._settings = settings
        self._client = client
        self._calls = CloudCalls(settings)
        self._instructions = instructions

    async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallDelta | Finish, None]:
        request = self._request(prompt)
        may_be_empty = bool(prompt.messages) and isinstance(prompt.messages[-1], ToolResult)
        async with aclosing(self._calls.parts(lambda: self._attempt(request, may_be_empty))) as parts:
            async for part in parts:
                yield part

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        settings, wish = self._settings, prompt.wish
        instructions = wish.instructions
        if instructions is None:
            instructions = self._instructions(prompt.flow, prompt.language)
        return {
            "model": settings.azure_deployment or settings.model,
            "messages": chat_messages(instructions, prompt.messages),
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens if wish.max_tokens is None else wish.max_tokens,
            **tool_options(wish),
        }

    async def _attempt(
        self, request: dict[str, Any], may_be_empty: bool
    ) -> AsyncGenerator[TextDelta | CallDelta | Finish, None]:
        stream = await self._client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
        calls = _Calls()
        any_part, end, usage = False, None, Usage()
        async with stream:
            async for chunk in stream:
                usage = _usage(chunk.usage) if chunk.usage else usage
                for choice in chunk.choices[:1]:  # Azure begins with a chunk that has no choice, and usage comes in one
                    end = choice.finish_reason or end
                    for part in calls.parts(choice.delta):
                        any_part = True
                        yield part
        if end is None:
            raise ProviderError("provider_cut", f"A reply of {self._calls.name} ended without a reason to end.")
        if not any_part and not may_be_empty:
            wordless = f"A reply of {self._calls.name} has no words; it ended with {end}."
            raise ProviderError("provider_failed", wordless, retryable=False)
        yield Finish(usage, _CUTS.get(end, ""))


@dataclass(slots=True)
class _Call:
    """A function call on its way."""

    id: str = ""
    name: str = ""
    held: str = ""
    """Arguments that came before the name."""
    told: bool = False


class _Calls:
    """Function calls as they come in: several at a time, by their index.

    Not all servers keep to that: some leave out the index, or give 0 to each call, and some give no id.
    """

    def __init__(self) -> None:
        self._at: dict[int | None, _Call] = {}

    def parts(self, delta: "ChoiceDelta") -> list[TextDelta | CallDelta]:
        parts: list[TextDelta | CallDelta] = [TextDelta(delta.content)] if delta.content else []
        pieces = (self._grow(piece) for piece in delta.tool_calls or ())
        return [*parts, *(piece for piece in pieces if piece is not None)]

    def _grow(self, piece: "ChoiceDeltaToolCall") -> CallDelta | None:
        index: int | None = getattr(piece, "index", None)
        call = self._at.get(index)
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = self._at[index] = _Call()
        call.id = call.id or piece.id or ""
        if piece.function:
            call.name = call.name or piece.function.name or ""
            call.held += piece.function.arguments or ""
        if not call.name or (call.told and not call.held):
            return None
        call.id = call.id or f"call_{uuid4().hex}"
        arguments, call.held, call.told = call.held, "", True
        return CallDelta(call.id, call.name, arguments)


def _usage(told: "CompletionUsage") -> Usage:
    details = told.prompt_tokens_details
    return Usage(told.prompt_tokens or 0, told.completion_tokens or 0, (details.cached_tokens or 0) if details else 0)


def why_unavailable(settings: Settings) -> str | None:
    assert isinstance(settings, OpenAIChat)
    return what_is_missing(settings)


def make(settings: Settings, flows_dir: Path) -> OpenAIChatThinker:
    assert isinstance(settings, OpenAIChat)
    return OpenAIChatThinker(settings, _client(settings), lambda flow, language: _system_prompt(flows_dir, flow, language))


def _client(settings: OpenAIChat) -> "AsyncOpenAI":
    from openai import AsyncAzureOpenAI, AsyncOpenAI

    options = client_options(settings)
    if not settings.azure_deployment:
        return AsyncOpenAI(base_url=settings.base_url, **options)
    return AsyncAzureOpenAI(azure_endpoint=settings.base_url, api_version=settings.api_version, **options)


def _system_prompt(flows_dir: Path, flow: str, language: str) -> str:
    from pipeline.flow import load_flow

    return load_flow(flows_dir, flow).system_prompt(language)
