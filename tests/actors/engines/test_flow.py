import json
import re
from pathlib import Path
from typing import Any

import pytest

from actors.engines import engine_module
from actors.engines.flow import FlowThinker
from pipeline.engine_settings import FlowEngine, Sphinx
from pipeline.errors import ConfigError
from pipeline.ports import (
    CallDelta,
    Entry,
    FlowStep,
    Message,
    Prompt,
    ReplyPart,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Wish,
)

FLOWS = Path(__file__).parents[3] / "configs" / "flows"
HOURS = Tool("opening_hours", "When we are open.", {"type": "object", "properties": {"day": {"type": "string"}}})
BOOK = Tool("book_appointment", "Books.", {})
OFFERS = Wish(tools=(BOOK, HOURS))
ASKED = Message("user", "What are your opening hours on Saturday?")
PLAIN = TextDelta("On Saturday we are open from nine until one.")
PARDON = TextDelta("Sorry, I did not catch that.")


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


async def parts(prompt: Prompt) -> tuple[ReplyPart, FlowStep]:
    """The first part of a reply, and the step after it; there are no others."""
    first, step = [part async for part in FlowThinker(FlowEngine(), FLOWS).reply(prompt)]
    assert isinstance(step, FlowStep)
    return first, step


def prompt(*entries: Entry, state: dict[str, Any] | None = None, wish: Wish = OFFERS) -> Prompt:
    return Prompt(entries, "en", "clinic", json.loads(json.dumps(state or {})), wish)


async def called(*entries: Entry) -> tuple[ToolCall, dict[str, Any]]:
    """The call that is made for these, as the conversation keeps it, and the state after it."""
    call, step = await parts(prompt(*entries))
    assert isinstance(call, CallDelta)
    assert step.ends_call is False
    return ToolCall(call.call_id, call.name, call.arguments), step.state


async def test_a_function_on_offer_is_called_and_its_result_said() -> None:
    call, state = await called(ASKED)
    assert (call.name, json.loads(call.arguments)) == ("opening_hours", {"day": "saturday"})
    answer, step = await parts(prompt(ASKED, call, ToolResult(call.id, '{"hours": "ten until two"}'), state=state))
    assert answer == TextDelta("On Saturday our hours are: ten until two.")
    assert "awaits" not in step.state


async def test_every_call_has_an_id_of_its_own() -> None:
    ids = {(await called(ASKED))[0].id for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"call_[0-9a-f]{24}", call_id) for call_id in ids)


@pytest.mark.parametrize(
    ("wish", "calls"),
    [
        (Wish(), False),
        (Wish(tools=(BOOK,)), False),
        (Wish(tools=(HOURS,), tool_choice="none"), False),
        (Wish(tools=(HOURS, BOOK), tool_choice="name:book_appointment"), False),
        (Wish(tools=(HOURS, BOOK), tool_choice="name:opening_hours"), True),
        (Wish(tools=(HOURS,), tool_choice="required"), True),
        (Wish(tools=(HOURS,), instructions="Never call anything."), True),
    ],
)
async def test_only_what_may_be_called_is_called(wish: Wish, calls: bool) -> None:
    first, _ = await parts(prompt(ASKED, wish=wish))
    assert isinstance(first, CallDelta) is calls
    assert calls or first == PLAIN


async def test_a_function_cannot_be_forced_upon_a_flow() -> None:
    first, _ = await parts(prompt(Message("user", "How much is a visit?"), wish=Wish(tools=(HOURS,), tool_choice="required")))
    assert isinstance(first, TextDelta)


async def test_another_message_goes_before_a_result() -> None:
    call, state = await called(ASKED)
    on_sunday, step = await parts(prompt(ASKED, call, Message("user", "and on Sunday?"), state=state))
    assert isinstance(on_sunday, CallDelta)
    assert json.loads(on_sunday.arguments) == {"day": "sunday"}
    newer = ToolCall(on_sunday.call_id, on_sunday.name, on_sunday.arguments)
    results = (ToolResult(newer.id, '{"hours": "none"}'), ToolResult(call.id, '{"hours": "ten until two"}'))
    answer, _ = await parts(prompt(ASKED, call, Message("user", "and on Sunday?"), newer, *results, state=step.state))
    assert answer == TextDelta("On Sunday our hours are: none.")


async def test_a_result_counts_with_the_clients_own_notes_after_it() -> None:
    call, state = await called(ASKED)
    note = Message("system", "The caller is a regular.")
    answer, _ = await parts(prompt(ASKED, call, ToolResult(call.id, '{"hours": "none"}'), note, state=state))
    assert answer == TextDelta("On Saturday our hours are: none.")


async def test_what_another_engine_called_is_not_called_again() -> None:
    call = ToolCall("call_of_a_model", "opening_hours", "{}")
    assert (await parts(prompt(ASKED, call, ToolResult(call.id, "ten until two"))))[0] == PLAIN
    answered = Message("assistant", "From ten until two.")
    assert (await parts(prompt(ASKED, call, answered, ToolResult(call.id, "ten until two"))))[0] == PARDON


@pytest.mark.parametrize("entries", [(), (Message("user", " "),), (Message("system", "Be kind."),)])
async def test_who_has_not_said_anything_is_greeted(entries: tuple[Entry, ...]) -> None:
    first, step = await parts(prompt(*entries))
    assert first == TextDelta("Riverside Clinic, good day. How can I help you?")
    assert step.ends_call is False


async def test_who_says_nothing_more_is_asked_again() -> None:
    wanted = Message("user", "I need an appointment")
    question, step = await parts(prompt(wanted))
    assert isinstance(question, TextDelta)
    said = (wanted, Message("assistant", question.text))
    for silence in ((), (Message("user", ""),)):
        again, after = await parts(prompt(*said, *silence, state=step.state))
        assert again == TextDelta(f"{PARDON.text} {question.text}")
        assert after == step


async def test_a_reply_without_the_result_leaves_the_call_awaited() -> None:
    call, state = await called(ASKED)
    pardon, step = await parts(prompt(ASKED, call, state=state))
    assert (pardon, step.state) == (PARDON, state)


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
