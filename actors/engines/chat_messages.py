"""A prompt as OpenAI's chat protocol wants it.

Providers refuse a whole request when a function call is not followed at once by its result. So a result moves up to its call,
a call that has none yet gets `NO_RESULT`, and a result whose call is not in the prompt is left out. Arguments that are no JSON
object, as of a reply that was cut, become an empty one. Messages without words are left out too.
"""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.ports import Entry, Message, Tool, ToolCall, ToolResult, Wish

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

NO_RESULT = "(no result yet)"
"""What a model is told of a function that has not answered."""
_NAMED = "name:"


def chat_messages(instructions: str, entries: Sequence[Entry]) -> "list[ChatCompletionMessageParam]":
    messages: list[Any] = []
    worded = [entry for entry in (Message("system", instructions), *entries) if _has_content(entry)]
    outputs = iter(_outputs(worded))
    for _, group in groupby(worded, key=type):
        neighbours = list(group)
        messages += [{"role": entry.role, "content": entry.text} for entry in neighbours if isinstance(entry, Message)]
        if calls := [entry for entry in neighbours if isinstance(entry, ToolCall)]:
            _add_calls(messages, calls)
            messages += [{"role": "tool", "tool_call_id": call.id, "content": next(outputs)} for call in calls]
    return messages


def tool_options(wish: Wish) -> dict[str, Any]:
    """The fields of a request that offer functions; none when there are none to offer."""
    if not wish.tools:
        return {}
    options: dict[str, Any] = {"tools": [{"type": "function", "function": _function(tool)} for tool in wish.tools]}
    if wish.tool_choice.startswith(_NAMED):
        options["tool_choice"] = {"type": "function", "function": {"name": wish.tool_choice.removeprefix(_NAMED)}}
    elif wish.tool_choice != "auto":
        options["tool_choice"] = wish.tool_choice
    return options


def _has_content(entry: Entry) -> bool:
    return not isinstance(entry, Message) or bool(entry.text.strip())


def _outputs(entries: Sequence[Entry]) -> list[str]:
    """What each call gave, in the order of the calls; an id that is used again means the later call."""
    outputs: list[str] = []
    waiting: dict[str, int] = {}
    for entry in entries:
        match entry:
            case ToolCall():
                waiting[entry.id] = len(outputs)
                outputs.append(NO_RESULT)
            case ToolResult() if entry.call_id in waiting:
                outputs[waiting.pop(entry.call_id)] = entry.output
            case _:
                pass
    return outputs


def _add_calls(messages: list[Any], calls: list[ToolCall]) -> None:
    """Calls belong to the words that the assistant said just before them, if there are any."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1]["tool_calls"] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}} for call in calls
    ]


def _arguments(call: ToolCall) -> str:
    try:
        return call.arguments if isinstance(json.loads(call.arguments), dict) else "{}"
    except ValueError:
        return "{}"


def _function(tool: Tool) -> dict[str, Any]:
    """A function without parameters has no schema, since an empty one is refused."""
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    return {**function, "parameters": tool.parameters} if tool.parameters else function
