import json
from typing import Any

import pytest

from pipeline import events as on
from pipeline import notices as told
from pipeline.history import Item
from pipeline.ports import Message, Tool, ToolCall, ToolResult, Wish
from tests.pipeline.wires.realtime.client import Client, base64_of

PCM = bytes(range(96)) * 10
HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
SPOKEN = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": base64_of(PCM)}]}


def error(client: Client, message: str | bytes) -> tuple[str, str | None, str | None]:
    """Code and param, and the event that it answers."""
    (answer,) = client.sends_raw(message)
    assert isinstance(answer, dict)
    assert answer["type"] == "error"
    return answer["error"]["code"], answer["error"]["param"], answer["error"]["event_id"]


# Audio


@pytest.mark.parametrize("name", [{}, {"event_id": "e1"}])
def test_audio_is_taken(name: dict[str, str]) -> None:
    assert Client().sends("input_audio_buffer.append", audio=base64_of(PCM), **name) == [PCM]


def test_telephone_audio_is_taken() -> None:
    client = Client()
    client.updates(audio={"input": {"format": {"type": "audio/pcmu"}}})
    assert client.sends("input_audio_buffer.append", audio=base64_of(b"\xff" * 160)) == [bytes(320)]


@pytest.mark.parametrize(
    ("audio", "code"),
    [("AAA", "invalid_value"), (base64_of(b"\0"), "invalid_value"), (5, "invalid_type"), (None, "invalid_type")],
)
def test_audio_that_is_none(audio: object, code: str) -> None:
    assert Client().is_refused("input_audio_buffer.append", audio=audio) == (code, "audio")


def test_audio_in_an_event_with_something_else_in_it() -> None:
    refused = Client().is_refused("input_audio_buffer.append", audio=base64_of(PCM), rate=8_000)
    assert refused == ("unknown_parameter", "rate")


def test_a_turn_that_the_client_ends_or_forgets() -> None:
    client = Client()
    assert client.sends("input_audio_buffer.commit", event_id="e1") == [on.Committed("1:e1")]
    assert client.sends("input_audio_buffer.clear") == [on.Cleared()]


# What cannot be read


@pytest.mark.parametrize(
    ("message", "code", "param", "event_id"),
    [
        ("", "invalid_json", None, None),
        ('{"type": "response.create"', "invalid_json", None, None),
        ('{"type": "\\ud800"}', "invalid_json", None, None),
        ("[" * 100_000, "invalid_json", None, None),
        ('{"type": NaN}', "invalid_json", None, None),
        (b"{}", "invalid_event", None, None),
        ("null", "invalid_event", None, None),
        ("[]", "invalid_event", None, None),
        ("{}", "missing_required_parameter", "type", None),
        ('{"event_id": "e1"}', "missing_required_parameter", "type", "e1"),
        ('{"event_id": "e1", "type": "shout"}', "invalid_value", "type", "e1"),
        ('{"event_id": 5, "type": "response.cancel"}', "invalid_type", "event_id", None),
    ],
)
def test_messages_that_are_no_events(message: str | bytes, code: str, param: str | None, event_id: str | None) -> None:
    assert error(Client(), message) == (code, param, event_id)


def test_a_message_has_a_longest_length() -> None:
    client = Client(message_bytes=1_000, audio_bytes=2_000)
    update = {"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 1_000}}
    assert error(client, json.dumps(update)) == ("message_too_big", None, None)
    for audio, expected in ((base64_of(bytes(1_400)), [bytes(1_400)]), (base64_of(bytes(1_600)), None)):
        append = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
        if expected is None:
            assert error(client, append) == ("message_too_big", None, None)
        else:
            assert client.sends_raw(append) == expected


# Items


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (HI | {"id": "a"}, Item("a", Message("user", "Hi"))),
        (HI, Item("item_cab0002", Message("user", "Hi"))),
        (
            {"type": "function_call", "id": "a", "name": "hours", "arguments": "{}", "call_id": "c1"},
            Item("a", ToolCall("c1", "hours", "{}")),
        ),
        (
            {"type": "function_call", "id": "a", "name": "hours", "arguments": "{}"},
            Item("a", ToolCall("call_cab0002", "hours", "{}")),
        ),
        ({"type": "function_call_output", "id": "a", "call_id": "c1", "output": "9"}, Item("a", ToolResult("c1", "9"))),
    ],
)
def test_items_that_a_client_gives(item: dict[str, Any], expected: Item) -> None:
    given = Client().sends("conversation.item.create", event_id="e1", item=item)
    assert given == [on.ItemGiven(expected, None, "1:e1")]


@pytest.mark.parametrize(("before", "after"), [(None, None), ("root", ""), ("b", "b")])
def test_where_an_item_is_put(before: str | None, after: str | None) -> None:
    (given,) = Client().sends("conversation.item.create", item=HI | {"id": "a"}, previous_item_id=before)
    assert given == on.ItemGiven(Item("a", Message("user", "Hi")), after, "1:")


def test_an_item_of_audio_is_heard_and_has_its_length() -> None:
    client = Client()
    client.updates(audio={"input": {"transcription": {}}})
    item = Item("a", Message("user", ""), spoken=True)
    assert client.sends("conversation.item.create", item=SPOKEN | {"id": "a"}) == [on.ItemGiven(item, None, "2:", PCM)]
    *_, completed = client.gets(told.ItemTaken(item, ""), told.Heard(1, "hi", True, "en", None, "a"))
    assert completed["usage"] == {"type": "duration", "seconds": 0.02}


def test_a_text_has_a_longest_length() -> None:
    refused = Client(text_chars=1).is_refused("conversation.item.create", item=HI)
    assert refused == ("string_above_max_length", "item.content")


def test_what_is_asked_of_items() -> None:
    client = Client()
    assert client.sends("conversation.item.delete", item_id="a", event_id="e1") == [on.ItemUnwanted("a", "1:e1")]
    assert client.sends("conversation.item.retrieve", item_id="a") == [on.ItemAsked("a", "2:")]
    cut = client.sends("conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=900, event_id="e3")
    assert cut == [on.ItemCut("a", 900, "3:e3")]


# Responses


def test_a_response_is_asked_for() -> None:
    client = Client()
    assert client.sends("response.create", event_id="e1") == [on.ReplyAsked("1:e1", Wish())]
    assert client.sends("response.create") == [on.ReplyAsked("2:", Wish())]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({}, {}),
        ({"instructions": "Say hello."}, {"instructions": "Say hello."}),
        ({"instructions": ""}, {"instructions": None}),
        ({"output_modalities": ["text"]}, {"spoken": False}),
        ({"max_output_tokens": 5}, {"max_tokens": 5}),
        ({"max_output_tokens": "inf"}, {"max_tokens": None}),
        ({"audio": {"output": {"voice": "nova"}}}, {"voice": "nova"}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tools": []}, {"tools": (), "tool_choice": "auto"}),
        (
            {"tools": [{"type": "function", "name": "book"}], "tool_choice": {"type": "function", "name": "book"}},
            {"tools": (Tool("book", "", {}),), "tool_choice": "name:book"},
        ),
    ],
)
def test_a_response_may_have_wishes_of_its_own(response: dict[str, Any], expected: dict[str, Any]) -> None:
    client = Client()
    client.updates(
        instructions="Be brief.",
        tools=[{"type": "function", "name": "hours"}],
        tool_choice={"type": "function", "name": "hours"},
        max_output_tokens=100,
    )
    of_session = {
        "instructions": "Be brief.",
        "tools": (Tool("hours", "", {}),),
        "tool_choice": "name:hours",
        "max_tokens": 100,
    }
    (asked,) = client.sends("response.create", response=response)
    assert asked == on.ReplyAsked("2:", Wish(**of_session | expected))


def test_a_response_may_stand_aside_and_answer_something_else() -> None:
    context = [{"type": "item_reference", "id": "a"}, HI]
    (asked,) = Client().sends("response.create", response={"conversation": "none", "input": context})
    assert asked == on.ReplyAsked("1:", Wish(), True, ("a", Message("user", "Hi")))
    (asked,) = Client().sends("response.create", response={"conversation": "auto", "input": []})
    assert asked == on.ReplyAsked("1:", Wish(), False, ())


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"tool_choice": {"type": "function", "name": "x"}}, "invalid_value", "response.tool_choice"),
        ({"audio": {"output": {"voice": "bob"}}}, "invalid_value", "response.audio.output.voice"),
        ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, "unsupported_parameter", "response.audio.output.format"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "response.prompt"),
        ({"input": [SPOKEN]}, "unsupported_content", "response.input[0].content"),
        ({"tools": [{"type": "mcp"}]}, "unsupported_mcp", "response.tools[0].type"),
    ],
)
def test_responses_that_cannot_be_had(response: dict[str, Any], code: str, param: str) -> None:
    assert Client(voices=frozenset({"alloy"})).is_refused("response.create", response=response) == (code, param)


def test_a_response_is_told_of_with_what_was_asked() -> None:
    client = Client()
    metadata = {"client_event_id": "e1"}
    own = {"metadata": metadata, "output_modalities": ["text"], "max_output_tokens": 9, "audio": {"output": {"voice": "nova"}}}
    client.sends("response.create", event_id="e1", response=own)
    (created,) = client.gets(told.ReplyBegan(1, "a", "1:e1"))
    response = created["response"]
    assert {name: response[name] for name in own if name != "audio"} == {n: own[n] for n in own if n != "audio"}
    assert response["audio"] == {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "nova"}}


def test_a_session_of_transcription_gives_no_responses() -> None:
    assert Client(transcribes=True).is_refused("response.create") == ("unsupported_event", "type")


def test_a_response_is_cancelled() -> None:
    client = Client()
    assert client.sends("response.cancel", event_id="e1") == [on.ReplyUnwanted("1:e1")]
    (created,) = client.gets(told.ReplyBegan(7, "a"))
    id = created["response"]["id"]
    assert client.sends("response.cancel", response_id=id) == [on.ReplyUnwanted("2:", 7)]
    client.gets(told.ReplyEnded(7, "cancelled", "client_cancelled"))
    assert client.is_refused("response.cancel", response_id=id) == ("response_cancel_not_active", "response_id")


def test_there_is_no_output_buffer() -> None:
    assert Client().is_refused("output_audio_buffer.clear") == ("unsupported_event", "type")


def test_a_voice_stays_once_it_was_heard() -> None:
    client = Client()
    client.updates(audio={"output": {"voice": "alloy"}})
    client.gets(told.ReplyBegan(1, "a"), told.Said(1, "Hi.", False))
    client.updates(audio={"output": {"voice": "nova"}})
    client.gets(bytes(960))
    session = {"type": "realtime", "audio": {"output": {"voice": "alloy"}}}
    assert client.is_refused("session.update", session=session) == ("cannot_update_voice", "session.audio.output.voice")
    assert client.updates(audio={"output": {"voice": "nova"}})


def test_what_is_asked_and_never_begins_is_forgotten() -> None:
    client = Client()
    for number in range(1_000):
        client.sends("response.create", response={"metadata": {"number": str(number)}})
    assert len(client.codec._requests._asked) == 64
    (created,) = client.gets(told.ReplyBegan(1, "a", "1000:"))
    assert created["response"]["metadata"] == {"number": "999"}
