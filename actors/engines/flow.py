"""Answers from the call flow alone: no key, no weights, no library, and an answer within a millisecond.

It is the last provider of the list, so it takes over in mid conversation too: a state that it did not write counts as the
flow's beginning.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

from pipeline.engine_settings import FlowEngine, Settings
from pipeline.flow import load_flow
from pipeline.ports import FlowStep, Prompt, ReplyPart, TextDelta


class FlowThinker:
    def __init__(self, settings: FlowEngine, flows_dir: Path) -> None:
        self._accept = settings.accept
        self._flows_dir = flows_dir

    async def reply(self, prompt: Prompt) -> AsyncGenerator[ReplyPart, None]:
        said = prompt.messages[-1].text if prompt.messages and prompt.messages[-1].role == "user" else ""
        flow = load_flow(self._flows_dir, prompt.flow)
        answer = flow.step(said, prompt.language, prompt.flow_state, self._accept)
        yield TextDelta(answer.text)
        yield FlowStep(answer.state, answer.ends_call)


def why_unavailable(settings: Settings) -> str | None:
    return None


def make(settings: Settings, flows_dir: Path) -> FlowThinker:
    if not isinstance(settings, FlowEngine):
        raise TypeError(f"not a flow engine: {type(settings).__name__}")
    return FlowThinker(settings, flows_dir)
