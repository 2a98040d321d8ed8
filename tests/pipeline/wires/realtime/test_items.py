import json
from typing import Any

import pytest
from openai.types.realtime import ConversationItem
from pydantic import TypeAdapter

from pipeline.errors import ClientError
from pipeline.history import Item
from pipeline.ports import Message, ToolCall, ToolResult
from pipeline.wires.realtime.formats import Pcm, Pcmu
from pipeline.wires.realtime.items import Given, GivenItem, given, wired
from tests.pipeline.wires.realtime.client import base64_of

GIVEN = TypeAdapter[GivenItem](GivenItem)
SEEN = TypeAdapter(ConversationItem)
PCM = b"\1\0\2\0"


def read(**item: Any) -> Given:
    return given(GIVEN.validate_python(item), Pcm(), 20, "item")


def refusal(**item: Any) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        read(**item)
    return caught.value.code, caught.value.param


def by(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (by("system", {"type": "input_text", "text": "Be brief."}), Given(Message("system", "Be brief."))),
        (by("user", {"type": "input_text", "text": "Hi"}), Given(Message("user", "Hi"))),
        (
            by("user", {"type": "input_text", "text": "Hi"}, {"type": "input_text", "text": "you"}),
            Given(Message("user", "Hi\nyou")),
        ),
        (by("user"), Given(Message("user", ""))),
        (
            by("user", {"type": "input_audio", "audio": base64_of(PCM)}, {"type": "input_audio", "audio": base64_of(PCM)}),
            Given(Message("user", ""), spoken=True, pcm=PCM + PCM),
        ),
        (
            by("user", {"type": "input_audio", "audio": base64_of(PCM), "transcript": "Hi"}),
            Given(Message("user", "Hi"), spoken=True),
        ),
        (
            by("user", {"type": "input_audio", "audio": base64_of(PCM), "transcript": ""}),
            Given(Message("user", ""), spoken=True, pcm=PCM),
        ),
        (by("assistant", {"type": "output_text", "text": "Yes"}), Given(Message("assistant", "Yes"))),
        (by("assistant", {"type": "output_audio", "transcript": "Yes"}), Given(Message("assistant", "Yes"), spoken=True)),
        (
            by("assistant", {"type": "output_text", "text": "Ye"}) | {"status": "incomplete"},
            Given(Message("assistant", "Ye"), complete=False),
        ),
        (
            {"type": "function_call", "call_id": "c1", "name": "hours", "arguments": "{}"},
            Given(ToolCall("c1", "hours", "{}")),
        ),
        ({"type": "function_call_output", "call_id": "c1", "output": "9 to 5"}, Given(ToolResult("c1", "9 to 5"))),
    ],
)
def test_what_a_clients_item_says(item: dict[str, Any], expected: Given) -> None:
    assert read(**item) == expected


def test_audio_is_in_the_format_of_the_session() -> None:
    item = GIVEN.validate_python(by("user", {"type": "input_audio", "audio": base64_of(b"\xff\xff")}))
    assert given(item, Pcmu(type="audio/pcmu"), 20, "item").pcm == bytes(4)


@pytest.mark.parametrize(
    ("content", "code", "param"),
    [
        ([{"type": "input_image", "image_url": "data:"}], "unsupported_content", "item.content[0].type"),
        (
            [{"type": "input_text", "text": "Hi"}, {"type": "input_audio", "audio": base64_of(PCM)}],
            "unsupported_content",
            "item.content",
        ),
        ([{"type": "input_audio"}], "invalid_type", "item.content[0].audio"),
        ([{"type": "input_audio", "audio": "AAA"}], "invalid_value", "item.content[0].audio"),
        ([{"type": "input_text", "text": "x" * 21}], "string_above_max_length", "item.content"),
    ],
)
def test_what_cannot_be_said(content: list[dict[str, Any]], code: str, param: str) -> None:
    assert refusal(**by("user", *content)) == (code, param)


@pytest.mark.parametrize(
    ("item", "content"),
    [
        (Item("i", Message("user", "Hi"), spoken=True), {"type": "input_audio", "transcript": "Hi"}),
        (Item("i", Message("user", ""), spoken=True), {"type": "input_audio", "transcript": None}),
        (Item("i", Message("user", "Hi")), {"type": "input_text", "text": "Hi"}),
        (Item("i", Message("system", "Hi")), {"type": "input_text", "text": "Hi"}),
        (Item("i", Message("assistant", "Hi"), spoken=True), {"type": "output_audio", "transcript": "Hi"}),
        (Item("i", Message("assistant", "Hi")), {"type": "output_text", "text": "Hi"}),
    ],
)
def test_messages_as_clients_see_them(item: Item, content: dict[str, Any]) -> None:
    assert isinstance(item.entry, Message)
    seen = wired(item)
    SEEN.validate_python(seen)
    assert seen == {
        "id": "i",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": item.entry.role,
        "content": [content],
    }


def test_functions_as_clients_see_them() -> None:
    head = {"id": "i", "object": "realtime.item", "status": "completed", "call_id": "c1"}
    call, result = wired(Item("i", ToolCall("c1", "hours", "{}"))), wired(Item("i", ToolResult("c1", "9 to 5")))
    for seen in (call, result):
        SEEN.validate_python(seen)
    assert call == {**head, "type": "function_call", "name": "hours", "arguments": "{}"}
    assert result == {**head, "type": "function_call_output", "output": "9 to 5"}


def test_what_was_cut_off_is_incomplete() -> None:
    assert wired(Item("i", Message("assistant", "Hi"), spoken=True, complete=False))["status"] == "incomplete"


@pytest.mark.parametrize(
    "item",
    [
        Item("i", Message("user", "Hi")),
        Item("i", Message("assistant", "Hi"), spoken=True, complete=False),
        Item("i", ToolCall("c1", "hours", "{}")),
        Item("i", ToolResult("c1", "9 to 5")),
    ],
)
def test_what_is_seen_can_be_given_again(item: Item) -> None:
    again = given(GIVEN.validate_python(json.loads(json.dumps(wired(item)))), Pcm(), 20, "item")
    assert (again.entry, again.spoken, again.complete) == (item.entry, item.spoken, item.complete)
