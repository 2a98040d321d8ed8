"""The grammar is only worth as much as what it refuses."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline import notices as told
from pipeline.notices import Notice
from tests.pipeline.wires.realtime.client import LIMITS, Client
from tests.pipeline.wires.realtime.grammar import Event, Grammar, Violation

PCM = bytes(960)
SESSION: list[Notice | bytes] = [
    told.CallerBegan(0, "u1"),
    told.Heard(1, "hi", False, "en", None, "u1"),
    told.CallerStopped(900, "u1"),
    told.TurnTaken("u1", 900),
    told.Heard(1, "hi there", True, "en", None, "u1"),
    told.ReplyBegan(1, "a1"),
    told.Said(1, "Hello.", False),
    PCM,
    told.Said(1, "Hello. You?", True),
    told.CallGrew(1, "f1", "c1", "hours", '{"day"', False),
    told.CallGrew(1, "f1", "c1", "hours", ": 1}", True),
    PCM,
    told.ReplyEnded(1, "completed"),
]


def whole() -> list[Event]:
    client = Client(limits=LIMITS)
    client.updates(audio={"input": {"transcription": {}}})
    client.gets(*SESSION)
    client.grammar.finish()
    return client.grammar.taken


def refused(events: list[Event]) -> bool:
    grammar = Grammar()
    try:
        grammar.take_all(json.dumps(event) for event in events)
        grammar.finish()
    except (Violation, ValidationError):
        return True
    return False


def places(type: str) -> list[int]:
    return [place for place, event in enumerate(whole()) if event["type"].endswith(type)]


def test_a_whole_session_is_right() -> None:
    assert refused(whole()) is False


_OPTIONAL = ("session.updated", "rate_limits.updated", "speech_stopped", "output_audio.delta", "transcription.delta")
"""Events without which a session still makes sense."""
_UNBOUND = (*_OPTIONAL, "transcription.completed", "speech_started", "committed")


def test_no_event_may_be_missing() -> None:
    events = whole()
    missed = [event["type"] for place, event in enumerate(events) if not refused(events[:place] + events[place + 1 :])]
    unbound = [type for type in missed if not type.endswith(_UNBOUND)]
    assert unbound == []


def test_no_event_may_come_twice() -> None:
    events = whole()
    repeated = [event["type"] for place, event in enumerate(events) if not refused(_twice(events, place))]
    assert [type for type in repeated if not type.endswith(_OPTIONAL)] == []


def _twice(events: list[Event], place: int) -> list[Event]:
    again = events[place] | {"event_id": "again"}
    return [*events[: place + 1], again, *events[place + 1 :]]


def test_events_of_a_response_have_one_order() -> None:
    events = whole()
    first, last = places("response.created")[0], places("response.done")[0]
    swapped = [events[place]["type"] for place in range(first, last) if not refused(_swapped(events, place))]
    free = {
        # Two streams that do not depend on each other, and a call that goes on beside the words.
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
    }
    assert set(swapped) <= free
    assert len(swapped) < (last - first) / 2


def _swapped(events: list[Event], place: int) -> list[Event]:
    return [*events[:place], events[place + 1], events[place], *events[place + 2 :]]


@pytest.mark.parametrize(
    ("type", "change"),
    [
        ("session.updated", lambda event: event["session"].update(id="sess_other")),
        ("session.updated", lambda event: event["session"].update(model="other")),
        ("speech_stopped", lambda event: event.update(item_id="other")),
        ("committed", lambda event: event.update(previous_item_id="other")),
        ("item.added", lambda event: event.update(previous_item_id="other")),
        ("transcription.delta", lambda event: event.update(item_id="other")),
        ("transcription.completed", lambda event: event.pop("usage")),
        ("response.created", lambda event: event["response"].update(status="completed")),
        ("response.created", lambda event: event["response"].pop("metadata")),
        ("output_item.added", lambda event: event.update(output_index=5)),
        ("content_part.added", lambda event: event["part"].update(type="output_audio")),
        ("content_part.added", lambda event: event["part"].update(type="text", text="")),
        ("content_part.added", lambda event: event.update(content_index=1)),
        ("output_audio_transcript.delta", lambda event: event.update(delta="Hullo.")),
        ("output_audio.delta", lambda event: event.update(response_id="resp_other")),
        ("output_audio.delta", lambda event: event.update(item_id="other")),
        ("function_call_arguments.delta", lambda event: event.update(call_id="other")),
        ("function_call_arguments.done", lambda event: event.update(arguments="{}")),
        ("content_part.done", lambda event: event["part"].update(transcript="other")),
        ("item.done", lambda event: event["item"].update(status="in_progress")),
        ("output_item.done", lambda event: event["item"].update(status="incomplete")),
        ("response.done", lambda event: event["response"].update(output=[])),
        ("response.done", lambda event: event["response"].update(usage=None)),
        ("response.done", lambda event: event["response"].update(status="cancelled")),
        ("response.done", lambda event: event["response"].update(id="resp_other")),
        ("rate_limits.updated", lambda event: event.update(rate_limits=[])),
        ("rate_limits.updated", lambda event: event.update(event_id="")),
    ],
)
def test_events_that_say_something_else_are_refused(type: str, change: Callable[[Any], object]) -> None:
    events = whole()
    change(events[places(type)[-1]])
    assert refused(events)


def test_two_responses_at_once_are_refused() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"))
    with pytest.raises(Violation, match="two responses at once"):
        client.gets(told.ReplyBegan(2, "b"))


def test_a_session_that_ends_in_the_middle_is_not_finished() -> None:
    client = Client()
    client.gets(told.ReplyBegan(1, "a"), PCM)
    with pytest.raises(Violation, match="without an end"):
        client.grammar.finish()


def test_an_error_may_be_all_that_comes() -> None:
    error = {"type": "invalid_request_error", "code": "key_invalid", "message": "No.", "param": None, "event_id": None}
    Grammar().take(json.dumps({"type": "error", "event_id": "event_1", "error": error}))
