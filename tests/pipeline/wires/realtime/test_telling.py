from typing import Any

import pytest

from pipeline import notices as told
from pipeline.errors import Fault
from pipeline.history import Item
from pipeline.latency import Latency
from pipeline.notices import Notice
from pipeline.ports import Message, Usage
from tests.pipeline.wires.realtime.client import LIMITS, Client, shown

PCM = bytes(9_600)
"""200 ms at 24 kHz."""
PROVIDER_LATE = told.Failed("provider_timeout", "too late", Fault.PROVIDER)
REPLY_LATE = told.ReplyEnded(1, "failed", "provider_timeout", "too late")


def heard(item: str, text: str, final: bool = False) -> told.Heard:
    return told.Heard(1, text, final, "en", None, item)


def item_of_caller(id: str) -> dict[str, Any]:
    content = [{"type": "input_audio", "transcript": None}]
    head = {"id": id, "object": "realtime.item", "type": "message"}
    return {**head, "status": "completed", "role": "user", "content": content}


def transcribing(**terms: Any) -> Client:
    client = Client(**terms)
    client.updates(audio={"input": {"transcription": {"model": "whisper-1"}}})
    return client


# The caller


def test_a_turn_of_the_caller() -> None:
    turns = Client().gets(told.CallerBegan(700, "a"), told.CallerStopped(1_900, "a"), told.TurnTaken("a", 1_200))
    assert [shown(event) for event in turns] == [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 700, "item_id": "a"},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1_900, "item_id": "a"},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": "a"},
        {"type": "conversation.item.added", "previous_item_id": None, "item": item_of_caller("a")},
        {"type": "conversation.item.done", "previous_item_id": None, "item": item_of_caller("a")},
    ]


def test_items_follow_one_another() -> None:
    client = Client()
    client.gets(told.TurnTaken("a", 100), told.ItemTaken(Item("b", Message("system", "Hi")), "a"))
    committed, *_ = client.gets(told.TurnTaken("c", 100))
    assert committed["previous_item_id"] == "b"
    client.gets(told.ItemGone("c"))
    committed, *_ = client.gets(told.TurnTaken("d", 100))
    assert committed["previous_item_id"] == "b"


def test_words_are_told_only_if_they_are_wanted() -> None:
    turn = [told.CallerBegan(0, "a"), heard("a", "hi"), told.CallerStopped(900, "a"), told.TurnTaken("a", 900)]
    wanted = [type for type in transcribing().types(*turn, heard("a", "hi", True)) if "transcription" in type]
    assert wanted == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert [type for type in Client().types(*turn, heard("a", "hi", True)) if "transcription" in type] == []


def test_words_come_at_once_where_they_are_all_that_is_wanted() -> None:
    client = Client(transcribes=True, model="whisper-1")
    types = client.types(told.CallerBegan(0, "a"), heard("a", "hi"))
    assert types == ["input_audio_buffer.speech_started", "conversation.item.input_audio_transcription.delta"]


def test_words_that_could_not_be_had() -> None:
    client = transcribing()
    client.gets(told.TurnTaken("a", 900))
    (event,) = client.gets(told.Failed("provider_timeout", "too late", Fault.PROVIDER, "a"))
    error = {"type": "server_error", "code": "provider_timeout", "message": "too late", "param": None}
    kind = "conversation.item.input_audio_transcription.failed"
    assert shown(event) == {"type": kind, "item_id": "a", "content_index": 0, "error": error}


def test_a_silence_that_becomes_a_turn() -> None:
    event, *rest = Client().gets(told.NobodySpoke(1_000, 7_000, "a"), told.TurnTaken("a", 6_000))
    kind = "input_audio_buffer.timeout_triggered"
    assert shown(event) == {"type": kind, "audio_start_ms": 1_000, "audio_end_ms": 7_000, "item_id": "a"}
    assert len(rest) == 3


# Items and refusals


def test_what_becomes_of_items() -> None:
    client = Client()
    item = Item("a", Message("assistant", "Hi."), spoken=True)
    added, done = client.gets(told.ItemTaken(item, ""))
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    (retrieved,) = client.gets(told.ItemShown(item))
    assert (retrieved["type"], retrieved["item"]) == ("conversation.item.retrieved", added["item"])
    (truncated,) = client.gets(told.ItemShortened("a", 300))
    kind = "conversation.item.truncated"
    assert shown(truncated) == {"type": kind, "item_id": "a", "content_index": 0, "audio_end_ms": 300}
    (deleted,) = client.gets(told.ItemGone("a"))
    assert shown(deleted) == {"type": "conversation.item.deleted", "item_id": "a"}


def test_the_buffer_is_cleared() -> None:
    assert Client().types(told.BufferCleared()) == ["input_audio_buffer.cleared"]


@pytest.mark.parametrize(("ref", "event_id"), [("1:e1", "e1"), ("2:a:b", "a:b"), ("3:", None)])
def test_a_refusal_names_the_request(ref: str, event_id: str | None) -> None:
    (event,) = Client().gets(told.Refused(ref, "item_unknown", "There is no item 'x'.", "item_id"))
    assert event["error"] == {
        "type": "invalid_request_error",
        "code": "item_unknown",
        "message": "There is no item 'x'.",
        "param": "item_id",
        "event_id": event_id,
    }


@pytest.mark.parametrize(
    "notice",
    [
        told.SessionOpened("a", "b", 16_000, 24_000),
        told.AudioStarted(1),
        told.AudioDone(1, 200),
        told.Held(1, 200),
        told.WentOn(1, 200),
        told.Interrupted(1, 200, "Hi"),
        told.TurnReport(1, Latency(0, 0, 0, 0, 0, 0)),
        told.Said(5, "Hi.", False),
        told.AsideSpoken(5, PCM),
        told.CallGrew(5, "a", "c1", "hours", "", True),
        told.ReplyEnded(5, "completed"),
        told.Heard(1, "hi", True, "en", None),
        PCM,
    ],
    ids=lambda notice: type(notice).__name__,
)
def test_what_clients_are_not_told(notice: Notice | bytes) -> None:
    assert transcribing().types(notice) == []


# Failures


def test_a_failure_beside_replies_is_told_at_once() -> None:
    (event,) = Client().gets(told.Failed("provider_timeout", "too late", Fault.PROVIDER, "a"))
    assert (event["error"]["code"], event["error"]["type"]) == ("provider_timeout", "server_error")
    client = Client()
    client.gets(told.ReplyBegan(1, "a"))
    (event,) = client.gets(told.Failed("conversation_lost", "It is gone.", Fault.SERVER))
    assert event["error"]["code"] == "conversation_lost"


def test_a_failure_of_a_reply_is_told_once() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"))
    assert client.types(PROVIDER_LATE, REPLY_LATE) == ["response.done"]


def test_a_failure_during_a_reply_that_went_on_is_told_behind_it() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"))
    assert client.types(PROVIDER_LATE, told.ReplyEnded(1, "completed")) == ["response.done", "error"]


# Replies


def test_what_is_left_to_a_key_is_told_after_each_response() -> None:
    client = Client(limits=LIMITS)
    *_, event = client.gets(told.ReplyBegan(1, "a"), told.ReplyEnded(1, "completed"))
    expected = [{"name": "requests", "limit": 100, "remaining": 99, "reset_seconds": 0.6}]
    assert shown(event) == {"type": "rate_limits.updated", "rate_limits": expected}


def test_a_reply_pays_for_what_it_is_the_first_to_answer() -> None:
    client = Client()
    client.gets(told.TurnTaken("a", 1_000), told.TurnTaken("b", 550))
    tokens: list[tuple[int, int]] = []
    for turn in (1, 2):
        client.gets(told.ReplyBegan(turn, f"r{turn}"), told.Said(turn, "Hi.", True), PCM)
        (done,) = [one for one in client.gets(told.ReplyEnded(turn, "completed", usage=Usage(10, 5, 4))) if "response" in one]
        usage = done["response"]["usage"]
        tokens.append((usage["input_tokens"], usage["output_tokens"]))
    assert tokens == [(10 + 15, 5 + 4), (10, 5 + 4)]


def test_an_aside_goes_on_beside_the_reply() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"), told.Said(1, "Hi.", False))
    (created,) = client.gets(told.ReplyBegan(2, "b", aside=True))
    assert created["response"]["conversation_id"] is None
    added, part, delta = client.gets(told.AsideSpoken(2, PCM))
    assert (added["item"]["id"], part["item_id"], delta["item_id"]) == ("b", "b", "b")
    (delta,) = client.gets(PCM)
    assert delta["item_id"] == "a"
    *_, done = client.gets(told.ReplyEnded(2, "completed"))
    assert done["response"]["id"] == created["response"]["id"]
    client.gets(told.ReplyEnded(1, "cancelled", "turn_detected"))
    client.grammar.finish()


def test_what_comes_after_the_end_of_a_reply_is_of_no_use() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"), told.ReplyEnded(1, "completed"))
    assert client.types(PCM, told.Said(1, "Hi.", True)) == []
