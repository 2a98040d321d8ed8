"""What a provider is sent for any conversation: never a call without its result, nor a result without its call."""

from typing import Any

import pytest

from actors.engines.chat_messages import NO_RESULT, chat_messages, tool_options
from pipeline.ports import Entry, Message, Tool, ToolCall, ToolResult, Wish

HELLO, LOOKING, THANKS = Message("user", "hello"), Message("assistant", "Let me look."), Message("user", "thanks")
FIRST, SECOND = ToolCall("1", "weather", '{"city": "Bonn"}'), ToolCall("2", "time", "{}")
RAIN, NOON = ToolResult("1", "rain"), ToolResult("2", "noon")


def seen(*entries: Entry) -> list[tuple[Any, ...]]:
    """The messages in short, without the system prompt."""
    messages: list[Any] = chat_messages("Be brief.", entries)
    assert messages.pop(0) == {"role": "system", "content": "Be brief."}
    return [_short(message) for message in messages]


def _short(message: dict[str, Any]) -> tuple[Any, ...]:
    match message["role"]:
        case "tool":
            return message["tool_call_id"], message["content"]
        case role if calls := message.get("tool_calls"):
            return role, message["content"], [call["id"] for call in calls]
        case role:
            return role, message["content"]


def test_calls_belong_to_the_words_before_them_and_results_follow() -> None:
    assert seen(HELLO, LOOKING, FIRST, SECOND, NOON, RAIN, THANKS) == [
        ("user", "hello"),
        ("assistant", "Let me look.", ["1", "2"]),
        ("1", "rain"),
        ("2", "noon"),
        ("user", "thanks"),
    ]


def test_calls_that_were_made_one_after_the_other_stay_so() -> None:
    assert seen(FIRST, RAIN, SECOND, NOON) == [
        ("assistant", None, ["1"]),
        ("1", "rain"),
        ("assistant", None, ["2"]),
        ("2", "noon"),
    ]


def test_a_result_moves_up_to_its_call() -> None:
    assert seen(FIRST, Message("user", "are you there?"), RAIN, THANKS) == [
        ("assistant", None, ["1"]),
        ("1", "rain"),
        ("user", "are you there?"),
        ("user", "thanks"),
    ]


def test_a_call_that_has_no_result_yet_says_so() -> None:
    assert seen(FIRST, SECOND, NOON) == [("assistant", None, ["1", "2"]), ("1", NO_RESULT), ("2", "noon")]


@pytest.mark.parametrize("entries", [(RAIN, HELLO), (HELLO, RAIN)], ids=str)
def test_a_result_whose_call_is_forgotten_is_left_out(entries: tuple[Entry, ...]) -> None:
    assert seen(*entries) == [("user", "hello")]


def test_a_second_result_of_one_call_is_left_out() -> None:
    assert seen(FIRST, RAIN, ToolResult("1", "sun")) == [("assistant", None, ["1"]), ("1", "rain")]


def test_an_id_that_is_used_again_means_another_call() -> None:
    again = ToolCall("1", "weather", '{"city": "Rome"}')
    assert seen(FIRST, RAIN, HELLO, again, ToolResult("1", "sun")) == [
        ("assistant", None, ["1"]),
        ("1", "rain"),
        ("user", "hello"),
        ("assistant", None, ["1"]),
        ("1", "sun"),
    ]


def test_messages_without_words_are_left_out_and_part_nothing() -> None:
    assert seen(HELLO, Message("user", " \n"), LOOKING, FIRST, Message("assistant", ""), SECOND, RAIN, NOON) == [
        ("user", "hello"),
        ("assistant", "Let me look.", ["1", "2"]),
        ("1", "rain"),
        ("2", "noon"),
    ]


def test_a_system_message_stays_in_its_place() -> None:
    assert seen(HELLO, Message("system", "Now be kind."), THANKS) == [
        ("user", "hello"),
        ("system", "Now be kind."),
        ("user", "thanks"),
    ]


def test_without_a_caller_s_words_what_there_is_is_sent() -> None:
    assert (seen(Message("user", "")), chat_messages("", ())) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [('{"city": "Bonn"}', '{"city": "Bonn"}'), ('{"city": "Bo', "{}"), ("", "{}"), ("[1]", "{}"), (" {} ", " {} ")],
)
def test_arguments_that_are_no_object_are_an_empty_one(arguments: str, sent: str) -> None:
    messages: list[Any] = chat_messages("", [ToolCall("1", "weather", arguments)])
    [call] = messages[0]["tool_calls"]
    assert call == {"id": "1", "type": "function", "function": {"name": "weather", "arguments": sent}}


TOOLS = (Tool("weather", "Tells the weather.", {"type": "object"}), Tool("time", "Tells the time.", {}))
OFFERED = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "Tells the weather.", "parameters": {"type": "object"}},
    },
    {"type": "function", "function": {"name": "time", "description": "Tells the time."}},
]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {}),
        ("none", {"tool_choice": "none"}),
        ("required", {"tool_choice": "required"}),
        ("name:time", {"tool_choice": {"type": "function", "function": {"name": "time"}}}),
    ],
)
def test_functions_are_offered_with_the_choice_between_them(choice: str, sent: dict[str, Any]) -> None:
    assert tool_options(Wish(tools=TOOLS, tool_choice=choice)) == {"tools": OFFERED, **sent}


def test_without_functions_there_is_no_choice() -> None:
    assert tool_options(Wish(tool_choice="required")) == {}
