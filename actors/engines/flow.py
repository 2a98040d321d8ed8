"""Answers from the call flow alone: no key, no weights, no library, and an answer within a millisecond.

It is the last provider of the list, so it takes over in mid conversation too: a state that it did not write counts as the
flow's beginning. A function that another engine called is not awaited here; what the caller said before it is answered.

Of a client's wish it heeds the tools, as far as an intent of the flow calls one of that name, and a tool choice that forbids
some or all of them. It has no model: instructions change nothing, and no function can be forced upon a flow.
"""

import secrets
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from pipeline.engine_settings import FlowEngine, Settings
from pipeline.flow import Flow, FlowAnswer, Offer, load_flow
from pipeline.ports import CallDelta, Entry, FlowStep, Message, Prompt, ReplyPart, TextDelta, ToolCall, ToolResult, Wish


class FlowThinker:
    def __init__(self, settings: FlowEngine, flows_dir: Path) -> None:
        self._accept = settings.accept
        self._flows_dir = flows_dir

    async def reply(self, prompt: Prompt) -> AsyncGenerator[ReplyPart, None]:
        call_id = f"call_{secrets.token_hex(12)}"
        answer = self._answer(load_flow(self._flows_dir, prompt.flow), prompt, call_id)
        if answer.call:
            yield CallDelta(call_id, answer.call.function, answer.call.arguments)
        else:
            yield TextDelta(answer.text)
        yield FlowStep(answer.state, answer.ends_call)

    def _answer(self, flow: Flow, prompt: Prompt, call_id: str) -> FlowAnswer:
        said, done = _newest(prompt.messages)
        results = [entry for entry in done if isinstance(entry, ToolResult)]
        for result in results:
            answer = flow.result(result.call_id, result.output, prompt.language, prompt.flow_state)
            if answer:
                return answer
        if not said or (done and not results):
            return flow.unprompted(prompt.language, prompt.flow_state, first=not _any_words(prompt.messages))
        # A function was called for these words already; the flow does not call another.
        offer = Offer() if done else Offer(_on_offer(prompt.wish), call_id)
        return flow.step(said, prompt.language, prompt.flow_state, self._accept, offer)


def _newest(entries: Sequence[Entry]) -> tuple[str, list[ToolCall | ToolResult]]:
    """What the caller said last, if nothing was said to it; and the calls and results after the last words, newest first."""
    done: list[ToolCall | ToolResult] = []
    for entry in reversed(entries):
        if not isinstance(entry, Message):
            done.append(entry)
        elif entry.role != "system":
            return entry.text.strip() if entry.role == "user" else "", done
    return "", done


def _any_words(entries: Sequence[Entry]) -> bool:
    return any(isinstance(entry, Message) and entry.role != "system" and bool(entry.text.strip()) for entry in entries)


def _on_offer(wish: Wish) -> frozenset[str]:
    names = frozenset(tool.name for tool in wish.tools)
    if wish.tool_choice.startswith("name:"):
        return names & {wish.tool_choice.removeprefix("name:")}
    return frozenset() if wish.tool_choice == "none" else names


def why_unavailable(settings: Settings) -> str | None:
    return None


def make(settings: Settings, flows_dir: Path) -> FlowThinker:
    if not isinstance(settings, FlowEngine):
        raise TypeError(f"not a flow engine: {type(settings).__name__}")
    return FlowThinker(settings, flows_dir)
