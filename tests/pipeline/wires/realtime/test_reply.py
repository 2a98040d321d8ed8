import json
from typing import Any

import pytest

from pipeline.notices import CallGrew, ReplyEnded
from pipeline.ports import Usage
from pipeline.wires.realtime.formats import Pcmu
from pipeline.wires.realtime.order import ItemOrder
from pipeline.wires.realtime.reply import Asked, Reply
from pipeline.wires.realtime.server_events import ServerEvents
from tests.pipeline.wires.realtime.client import base64_of, shown

PCM = bytes(9_600)
"""200 ms at 24 kHz."""
DONE = ReplyEnded(1, "completed", usage=Usage(10, 5, 4))
AUDIO_TAIL = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def reply(conversation: str | None = "conv_ab", asked: Asked | None = None) -> Reply:
    return Reply("resp_1", "a", conversation, asked or Asked(), ServerEvents("ab"), ItemOrder(10))


def read(events: list[str]) -> list[dict[str, Any]]:
    return [shown(json.loads(event)) for event in events]


def types(events: list[str]) -> list[str]:
    return [event["type"] for event in read(events)]


def call(arguments: str, final: bool = False, item: str = "c") -> CallGrew:
    return CallGrew(1, item, "call_1", "hours", arguments, final)


def test_a_reply_that_begins() -> None:
    (created,) = read(reply(asked=Asked(metadata={"a": "b"})).began())
    assert created == {
        "type": "response.created",
        "response": {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_ab",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": None}},
            "usage": None,
            "metadata": {"a": "b"},
        },
    }


def test_the_first_words_open_the_message() -> None:
    item = {
        "id": "a",
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    where = {"response_id": "resp_1", "item_id": "a", "output_index": 0, "content_index": 0}
    assert read(reply().said("Hi.")) == [
        {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0, "item": item},
        {"type": "conversation.item.added", "previous_item_id": None, "item": item},
        {"type": "response.content_part.added", **where, "part": {"type": "audio", "transcript": ""}},
        {"type": "response.output_audio_transcript.delta", **where, "delta": "Hi."},
    ]


def test_words_and_sound_come_as_they_are_made() -> None:
    one = reply()
    assert types(one.spoke(PCM))[-1] == "response.output_audio.delta"
    assert [event["delta"] for event in read(one.said("Hi.") + one.spoke(PCM) + one.said("Hi. You") + one.said("Hi. You"))] == [
        "Hi.",
        base64_of(PCM),
        " You",
    ]


def test_words_that_were_taken_back_are_not_told_again() -> None:
    one = reply()
    one.said("Hi. You")
    assert one.said("Hi.") == []


def test_the_end_of_a_reply() -> None:
    one = reply()
    one.said("Hi.")
    one.spoke(PCM)
    events = one.ended(DONE, 1_200)
    assert types(events) == AUDIO_TAIL
    item = read(events)[-2]["item"]
    assert (item["status"], item["content"]) == ("completed", [{"type": "output_audio", "transcript": "Hi."}])
    response = read(events)[-1]["response"]
    assert (response["status"], response["status_details"], response["output"]) == ("completed", None, [item])
    assert response["usage"] == {
        "total_tokens": 31,
        "input_tokens": 22,
        "output_tokens": 9,
        "input_token_details": {
            "text_tokens": 10,
            "audio_tokens": 12,
            "image_tokens": 0,
            "cached_tokens": 4,
            "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 5, "audio_tokens": 4},
    }


def test_a_reply_that_only_calls_a_function_has_no_message() -> None:
    one = reply()
    assert one.said("") == []
    one.called(call("{}", final=True))
    (done,) = read(one.ended(DONE, 0))
    assert [item["type"] for item in done["response"]["output"]] == ["function_call"]


def test_a_reply_that_is_only_read() -> None:
    one = reply(asked=Asked(modality="text"))
    assert types(one.said("Hi."))[-1] == "response.output_text.delta"
    assert one.spoke(PCM) == []
    events = read(one.ended(DONE, 0))
    assert [event["type"] for event in events[:2]] == ["response.output_text.done", "response.content_part.done"]
    assert events[1]["part"] == {"type": "text", "text": "Hi."}
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "Hi."}]


def test_a_reply_for_a_telephone() -> None:
    one = reply(asked=Asked(format=Pcmu(type="audio/pcmu")))
    *_, delta = read(one.spoke(bytes(3_200)))
    assert delta["delta"] == base64_of(b"\xff" * 1_600)
    *_, done = read(one.ended(DONE, 0))
    assert done["response"]["usage"]["output_token_details"]["audio_tokens"] == 4


def test_a_reply_without_anything() -> None:
    (done,) = read(reply().ended(DONE, 0))
    assert done["response"]["output"] == []


@pytest.mark.parametrize(
    ("end", "details"),
    [
        (ReplyEnded(1, "cancelled", "turn_detected"), {"type": "cancelled", "reason": "turn_detected"}),
        (ReplyEnded(1, "cancelled", "client_cancelled"), {"type": "cancelled", "reason": "client_cancelled"}),
        (ReplyEnded(1, "incomplete", "max_output_tokens"), {"type": "incomplete", "reason": "max_output_tokens"}),
        (ReplyEnded(1, "incomplete", "weather"), {"type": "incomplete"}),
        (
            ReplyEnded(1, "failed", "provider_timeout", "too late"),
            {"type": "failed", "error": {"type": "server_error", "code": "provider_timeout", "message": "too late"}},
        ),
    ],
)
def test_a_reply_that_did_not_come_to_its_own_end(end: ReplyEnded, details: dict[str, Any]) -> None:
    one = reply()
    one.said("Hi.")
    events = read(one.ended(end, 0))
    response = events[-1]["response"]
    assert [event["type"] for event in events] == AUDIO_TAIL
    assert (response["status"], response["status_details"]) == (end.status, details)
    assert [item["status"] for item in response["output"]] == ["incomplete"]


def test_a_function_is_called_beside_the_words() -> None:
    one = reply()
    one.said("One moment.")
    begun = read(one.called(call('{"day"')))
    where = {"response_id": "resp_1", "item_id": "c", "output_index": 1, "call_id": "call_1"}
    assert [event["type"] for event in begun] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
    ]
    assert begun[-1] == {"type": "response.function_call_arguments.delta", **where, "delta": '{"day"'}
    item = {"id": "c", "object": "realtime.item", "type": "function_call", "status": "completed"}
    item |= {"call_id": "call_1", "name": "hours", "arguments": '{"day": 6}'}
    delta, done, *rest = read(one.called(call(": 6}", final=True)))
    assert delta["delta"] == ": 6}"
    kind = "response.function_call_arguments.done"
    assert done == {"type": kind, **where, "name": "hours", "arguments": '{"day": 6}'}
    assert rest == [
        {"type": "conversation.item.done", "previous_item_id": "a", "item": item},
        {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 1, "item": item},
    ]
    assert types(one.spoke(PCM)) == ["response.output_audio.delta"]
    events = read(one.ended(DONE, 0))
    assert [one["id"] for one in events[-1]["response"]["output"]] == ["a", "c"]


def test_a_call_that_was_cut_off_is_closed_with_what_there_is() -> None:
    one = reply()
    one.called(call('{"day"'))
    events = read(one.ended(ReplyEnded(1, "cancelled", "turn_detected"), 0))
    assert events[0]["arguments"] == '{"day"'
    assert [item["status"] for item in events[-1]["response"]["output"]] == ["incomplete"]


def test_a_call_ends_once() -> None:
    one = reply()
    one.called(call("{}", final=True))
    assert one.called(call("{}", final=True)) == []


def test_an_aside_is_in_no_conversation() -> None:
    one = reply(conversation=None)
    told = types(one.began() + one.said("Hi.") + one.called(call("{}", final=True)) + one.ended(DONE, 0))
    assert [type for type in told if type.startswith("conversation.")] == []
