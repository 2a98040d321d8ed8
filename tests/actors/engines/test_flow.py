from pathlib import Path
from typing import Any

import pytest

from actors.engines import engine_module
from actors.engines.flow import FlowThinker
from pipeline.engine_settings import FlowEngine, Sphinx
from pipeline.errors import ConfigError
from pipeline.ports import FlowStep, Message, Prompt, ReplyPart, TextDelta

FLOWS = Path(__file__).parents[3] / "configs" / "flows"


async def replies(*said: str, language: str = "en") -> list[list[ReplyPart]]:
    """The parts of each reply; the state of one goes into the next, as the conversation hands it on."""
    thinker = FlowThinker(FlowEngine(), FLOWS)
    messages: tuple[Message, ...] = ()
    state: dict[str, Any] = {}
    found: list[list[ReplyPart]] = []
    for text in said:
        messages += (Message("user", text),)
        parts = [part async for part in thinker.reply(Prompt(messages, language, "clinic", state))]
        step = parts[-1]
        assert isinstance(step, FlowStep)
        state = step.state
        messages += (Message("assistant", "".join(part.text for part in parts if isinstance(part, TextDelta))),)
        found.append(parts)
    return found


async def test_the_answer_comes_before_the_step() -> None:
    (parts,) = await replies("What are your opening hours on Saturday?")
    state = {"intent": "opening_hours", "slots": {"day": "saturday"}, "asks": "nothing", "misses": 0}
    assert parts == [TextDelta("On Saturday we are open from nine until one."), FlowStep(state)]


async def test_what_was_said_before_counts() -> None:
    first, second = await replies("¿Cuál es el horario el sábado?", "¿Y el domingo?", language="es")
    assert [first[0], second[0]] == [TextDelta("El sábado abrimos de nueve a una."), TextDelta("El domingo está cerrado.")]


async def test_a_goodbye_ends_the_call() -> None:
    (parts,) = await replies("Goodbye")
    assert parts[-1] == FlowStep({"intent": "goodbye", "slots": {}, "asks": "nothing", "misses": 0}, ends_call=True)


async def test_words_that_are_not_the_callers_are_not_answered() -> None:
    thinker = FlowThinker(FlowEngine(), FLOWS)
    parts = [part async for part in thinker.reply(Prompt((Message("assistant", "Goodbye"),), "en", "clinic"))]
    assert parts[0] == TextDelta("Sorry, I did not catch that.")


async def test_an_unknown_flow_is_named() -> None:
    thinker = FlowThinker(FlowEngine(), FLOWS)
    with pytest.raises(ConfigError, match="no flow 'bakery'"):
        _ = [part async for part in thinker.reply(Prompt((), "en", "bakery"))]


def test_it_is_always_available_and_made_from_its_settings() -> None:
    module = engine_module("flow")
    assert module.why_unavailable(FlowEngine()) is None
    assert isinstance(module.make(FlowEngine(), FLOWS), FlowThinker)
    with pytest.raises(TypeError):
        module.make(Sphinx(), FLOWS)
