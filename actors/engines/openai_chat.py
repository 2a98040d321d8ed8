"""Replies of a chat model behind OpenAI's protocol, streamed as they are written.

One engine serves OpenAI, Azure, Claude's compatible endpoint, vLLM and Ollama: only their addresses differ. Its instructions
are the call flow's, as its file stands at that moment. Closing a reply before its end closes the HTTP stream, so that nobody
pays for words nobody hears.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from actors.engines.cloud import CloudCalls, client_options, what_is_missing
from pipeline.engine_settings import OpenAIChat, Settings
from pipeline.errors import ProviderError
from pipeline.ports import Prompt, TextDelta

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam


class OpenAIChatThinker:
    def __init__(self, settings: OpenAIChat, client: "AsyncOpenAI", instructions: Callable[[str, str], str]) -> None:
        """`instructions` gives the system prompt for a flow's name and a language."""
        self._settings = settings
        self._client = client
        self._calls = CloudCalls(settings)
        self._instructions = instructions

    async def reply(self, prompt: Prompt) -> AsyncGenerator[TextDelta, None]:
        messages = _chat_messages(self._instructions(prompt.flow, prompt.language), prompt)
        async with aclosing(self._calls.parts(lambda: self._attempt(messages))) as deltas:
            async for delta in deltas:
                yield delta

    async def _attempt(self, messages: "list[ChatCompletionMessageParam]") -> AsyncGenerator[TextDelta, None]:
        settings = self._settings
        stream = await self._client.chat.completions.create(
            model=settings.azure_deployment or settings.model,
            messages=messages,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            stream=True,
        )
        said_any, end = False, None
        async with stream:
            async for chunk in stream:
                for choice in chunk.choices[:1]:  # Azure begins with a chunk that has no choice
                    end = choice.finish_reason or end
                    if choice.delta.content:
                        said_any = True
                        yield TextDelta(choice.delta.content)
        if end is None:
            raise ProviderError("provider_cut", f"A reply of {self._calls.name} ended without a reason to end.")
        if not said_any:
            wordless = f"A reply of {self._calls.name} has no words; it ended with {end}."
            raise ProviderError("provider_failed", wordless, retryable=False)


def _chat_messages(instructions: str, prompt: Prompt) -> "list[ChatCompletionMessageParam]":
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": instructions}]
    for message in prompt.messages:
        if message.role == "user":
            messages.append({"role": "user", "content": message.text})
        else:
            messages.append({"role": "assistant", "content": message.text})
    return messages


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
