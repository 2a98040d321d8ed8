import json
from typing import Any

from pipeline.wires.realtime.server_events import ServerEvents
from pipeline.wires.realtime.transcripts import Transcripts

ERROR = {"type": "server_error", "code": "provider_timeout", "message": "too late", "param": None}


def transcripts(early: bool = False) -> Transcripts:
    return Transcripts(ServerEvents("ab"), early)


def seen(events: list[str]) -> list[tuple[str, Any]]:
    """The last word of each type, and what it is about."""
    read = [json.loads(event) for event in events]
    return [(one["type"].rpartition(".")[2], one.get("delta", one.get("transcript", one.get("error")))) for one in read]


def test_words_wait_for_their_item() -> None:
    words = transcripts()
    assert seen(words.heard("a", "what are", False)) == []
    assert seen(words.known("a", 900)) == [("delta", "what are")]
    assert seen(words.heard("a", "what are you", False)) == [("delta", " you")]
    assert seen(words.heard("a", "what are you", True)) == [("completed", "what are you")]


def test_words_that_are_all_that_is_wanted_do_not_wait_but_the_last() -> None:
    words = transcripts(early=True)
    assert seen(words.heard("a", "what", False)) == [("delta", "what")]
    assert seen(words.heard("a", "what are", True)) == [("delta", " are")]
    assert seen(words.known("a", 900)) == [("completed", "what are")]


def test_the_length_of_what_was_heard_is_its_price() -> None:
    words = transcripts()
    words.known("a", 1_250)
    (event,) = words.heard("a", "", True)
    assert json.loads(event) == {
        "type": "conversation.item.input_audio_transcription.completed",
        "event_id": "event_ab_1",
        "item_id": "a",
        "content_index": 0,
        "transcript": "",
        "usage": {"type": "duration", "seconds": 1.25},
    }


def test_words_that_turn_out_otherwise_come_whole() -> None:
    words = transcripts()
    words.known("a", 900)
    words.heard("a", "watt", False)
    assert seen(words.heard("a", "what are you", True)) == [("completed", "what are you")]


def test_a_failure_waits_for_its_item_too() -> None:
    words = transcripts()
    assert words.failed("a", ERROR) == []
    assert seen(words.known("a", 900)) == [("failed", ERROR)]


def test_audio_that_a_client_gave_is_known_by_its_item() -> None:
    words = transcripts()
    words.expect("a", 2_000)
    assert (words.known("a"), words.known("b")) == ([], [])
    (_, completed) = words.heard("a", "hi", True)
    assert json.loads(completed)["usage"] == {"type": "duration", "seconds": 2.0}


def test_a_deleted_item_has_no_more_words() -> None:
    words = transcripts()
    words.known("a", 900)
    words.forget("a")
    assert seen(words.heard("a", "what", True)) == []


def test_turns_that_never_become_items_are_forgotten() -> None:
    words = transcripts()
    for number in range(1_000):
        words.heard(str(number), "what", False)
    assert len(words._turns) == 64
    assert seen(words.known("999", 900)) == [("delta", "what")]
