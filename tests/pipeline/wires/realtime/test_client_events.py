from pathlib import Path
from typing import Any, get_args

import pytest
from openai.types.realtime import RealtimeClientEvent

from pipeline.errors import ClientError
from pipeline.wires.realtime import client_events as by_client
from pipeline.wires.realtime.client_events import ClientEvent, read_event

HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def refusal(**event: Any) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        read_event(event)
    return caught.value.code, caught.value.param


def types_of(union: Any) -> set[str]:
    return {get_args(model.model_fields["type"].annotation)[0] for model in get_args(union)}


def test_every_event_of_the_openai_package_is_known() -> None:
    assert types_of(ClientEvent) == types_of(get_args(RealtimeClientEvent)[0])


@pytest.mark.parametrize(
    ("event", "model"),
    [
        ({"type": "session.update", "session": {}}, by_client.SessionUpdate),
        ({"type": "input_audio_buffer.append", "audio": ""}, by_client.Append),
        ({"type": "input_audio_buffer.commit"}, by_client.Commit),
        ({"type": "input_audio_buffer.clear"}, by_client.Clear),
        ({"type": "output_audio_buffer.clear"}, by_client.OutputClear),
        ({"type": "conversation.item.create", "item": HI, "previous_item_id": None}, by_client.ItemCreate),
        ({"type": "conversation.item.delete", "item_id": "a"}, by_client.ItemDelete),
        ({"type": "conversation.item.retrieve", "item_id": "a"}, by_client.ItemRetrieve),
        (
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 9},
            by_client.ItemTruncate,
        ),
        ({"type": "response.create"}, by_client.ResponseCreate),
        ({"type": "response.create", "response": None}, by_client.ResponseCreate),
        ({"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "a"}, HI]}},
         by_client.ResponseCreate),
        ({"type": "response.cancel"}, by_client.ResponseCancel),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [{}, {"event_id": "e1"}, {"event_id": None}])
def test_events(event: dict[str, Any], model: type, name: dict[str, Any]) -> None:
    assert type(read_event(event | name)) is model


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": "shout"}, "invalid_value", "type"),
        ({"type": 5}, "invalid_value", "type"),
        ({"type": "input_audio_buffer.commit", "event_id": 5}, "invalid_type", "event_id"),
        ({"type": "input_audio_buffer.commit", "event_id": "x" * 513}, "invalid_value", "event_id"),
        ({"type": "input_audio_buffer.commit", "a.b": 1}, "unknown_parameter", "a.b"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": None}, "invalid_type", "audio"),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
        ({"type": "conversation.item.create", "item": {"type": "mcp_call"}}, "unsupported_mcp", "item.type"),
        ({"type": "conversation.item.create", "item": HI | {"role": "tool"}}, "invalid_value", "item.role"),
        ({"type": "conversation.item.create", "item": HI | {"role": "system", "content": [{"type": "text"}]}},
         "invalid_value", "item.content[0].type"),
        ({"type": "conversation.item.create", "item": HI | {"id": ""}}, "invalid_value", "item.id"),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
        ({"type": "conversation.item.truncate", "item_id": "a", "content_index": 1, "audio_end_ms": 9},
         "invalid_value", "content_index"),
        ({"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": -1},
         "invalid_value", "audio_end_ms"),
        ({"type": "response.create", "response": {"voice": "alloy"}}, "unknown_parameter", "response.voice"),
        ({"type": "response.create", "response": {"conversation": "conv_1"}}, "invalid_value", "response.conversation"),
        ({"type": "response.create", "response": {"metadata": {"a": 1}}}, "invalid_type", "response.metadata.a"),
        ({"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}}, "invalid_value",
         "response.metadata"),
        ({"type": "response.create", "response": {"output_modalities": []}}, "invalid_value",
         "response.output_modalities"),
    ],
)  # fmt: skip
def test_events_that_cannot_be_used(event: dict[str, Any], code: str, param: str) -> None:
    assert refusal(**event) == (code, param)


def test_the_document_names_every_event() -> None:
    document = (Path(by_client.__file__).parents[3] / "docs" / "realtime.md").read_text(encoding="utf-8")
    assert [name for name in types_of(ClientEvent) if f"`{name}`" not in document] == []
