import pytest
from pydantic import TypeAdapter

from pipeline.errors import ClientError
from pipeline.ports import Tool
from pipeline.wires.realtime.tools import FunctionTool, MaxTokens, ToolChoice, choice_of, max_tokens_of, tools_of

CHOICE = TypeAdapter[ToolChoice](ToolChoice)
MOST = TypeAdapter[MaxTokens](MaxTokens)
HOURS = Tool("hours", "", {})


def test_a_tool_may_have_only_a_name() -> None:
    assert tools_of([FunctionTool(type="function", name="hours")]) == (HOURS,)


@pytest.mark.parametrize(
    ("wired", "expected"),
    [("auto", "auto"), ("none", "none"), ("required", "required"), ({"type": "function", "name": "hours"}, "name:hours")],
)
def test_choices(wired: object, expected: str) -> None:
    assert choice_of(CHOICE.validate_python(wired), (HOURS,), "tool_choice") == expected


def test_a_tool_that_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(ClientError, match="no tool is named 'hours'") as caught:
        choice_of(CHOICE.validate_python({"type": "function", "name": "hours"}), (), "session.tool_choice")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "session.tool_choice")


@pytest.mark.parametrize(("wired", "expected"), [("inf", None), (1, 1), (4096, 4096)])
def test_the_longest_reply(wired: object, expected: int | None) -> None:
    assert max_tokens_of(MOST.validate_python(wired)) == expected
