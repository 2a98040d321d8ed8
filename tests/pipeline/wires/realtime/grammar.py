"""What a client of the Realtime API may rely on: takes a session's server events one by one and raises at the first wrong one.

Every event is also validated as the `openai` package describes it. Nothing here knows the server: an end-to-end test may feed
it what came over a socket.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

Event = dict[str, Any]

_VALID = TypeAdapter(RealtimeServerEvent)
_RESPONSE_FIELDS = {
    "object",
    "id",
    "status",
    "status_details",
    "output",
    "conversation_id",
    "output_modalities",
    "max_output_tokens",
    "audio",
    "usage",
    "metadata",
}
_STREAMS = {"audio": ("response.output_audio", "response.output_audio_transcript"), "text": ("response.output_text",)}
"""What a content part of each type is sent as."""


class Violation(AssertionError):
    """An event that should not have come, or not now, or not so."""


@dataclass
class _Part:
    type: str
    streams: dict[str, str]
    """What came of each stream so far."""
    ended: set[str] = field(default_factory=set)


@dataclass
class _Output:
    item: Event
    index: int
    parts: list[_Part] = field(default_factory=list)
    part_open: bool = False
    arguments: str = ""
    arguments_done: bool = False
    done: Event | None = None


@dataclass
class _Response:
    id: str
    conversation: str | None
    outputs: list[_Output] = field(default_factory=list)


class Grammar:
    """`transcription` says that words are all the client wants; then they may come before their item."""

    def __init__(self, transcription: bool = False) -> None:
        self._transcription = transcription
        self._session: Event | None = None
        self._event_ids: set[str] = set()
        self._speaking: str | None = None
        self._speech_at = 0
        self._unheard = False
        """Whether speech may have ended unsaid: it was cleared away, or is not detected any more."""
        self._spoken: set[str] = set()
        """Items that the caller was told of when they began to speak."""
        self._committed: set[str] = set()
        self._awaited: str | None = None
        """A committed item that must be added next."""
        self._items: dict[str, Event] = {}
        """Every item that was ever added, as it was last told."""
        self._present: set[str] = set()
        """Items that were not deleted."""
        self._item_done: set[str] = set()
        self._transcribed: set[str] = set()
        self._responses: dict[str, _Response] = {}
        self._over: set[str] = set()
        self.taken: list[Event] = []

    def take_all(self, messages: Iterable[str | bytes]) -> list[Event]:
        return [self.take(message) for message in messages]

    def take(self, message: str | bytes) -> Event:
        if not isinstance(message, str):
            raise Violation("a binary message")
        event: Event = json.loads(message)
        _VALID.validate_python(_with_known_rates(event))
        try:
            self._check(event)
        except Violation as violation:
            before = [one["type"] for one in self.taken[-6:]]
            raise Violation(f"{violation} in {message[:400]} after {before}") from None
        self.taken.append(event)
        return event

    def finish(self) -> None:
        """Nothing is left half told."""
        _must(not self._responses, f"responses without an end: {[*self._responses]}")
        _must(self._awaited is None, f"an item that was committed and not added: {self._awaited}")
        _must(self._item_done == set(self._items), "items that were added and not done")

    def _check(self, event: Event) -> None:
        type = event["type"]
        _must(bool(event["event_id"]) and event["event_id"] not in self._event_ids, "an event_id that is not new")
        self._event_ids.add(event["event_id"])
        if type == "error":
            _must(bool(event["error"]["message"]) and bool(event["error"]["code"]), "an error that says nothing")
            _must(set(event["error"]) == {"type", "code", "message", "param", "event_id"}, "an error without all of its fields")
            return
        if type == "session.created":
            _must(self._session is None, "a second session.created")
            self._session = event["session"]
            self._check_session(event["session"])
            return
        _must(self._session is not None, "something before session.created")
        if self._awaited is not None:
            _must(type == "conversation.item.added" and event["item"]["id"] == self._awaited, "no item.added after committed")
        prefix, _, kind = type.rpartition(".")
        match prefix:
            case "session":
                self._check_session(event["session"])
                self._unheard |= event["session"]["audio"]["input"]["turn_detection"] is None
            case "input_audio_buffer":
                self._buffer(kind, event)
            case "conversation.item":
                self._conversation_item(kind, event)
            case "conversation.item.input_audio_transcription":
                self._words(kind, event)
            case "response":
                self._response(kind, event)
            case "rate_limits":
                _must(bool(event["rate_limits"]), "rate limits that are none")
            case _:
                self._of_response(prefix, kind, event)

    def _check_session(self, session: Event) -> None:
        assert self._session is not None
        _must({"id", "object", "type", "expires_at"} <= set(session), "a session without all of its fields")
        for name in ("id", "type", "model"):
            _must(session.get(name) == self._session.get(name), f"another {name} of the session")
        _must((session["type"] == "transcription") is self._transcription, "a session of the wrong type")

    # The caller

    def _buffer(self, kind: str, event: Event) -> None:
        item = event.get("item_id", "")
        match kind:
            case "speech_started":
                _must(self._speaking is None or self._unheard, "speech that begins twice")
                _must(item not in self._committed, "speech for an item that was committed")
                self._speaking, self._speech_at = item, event["audio_start_ms"]
                self._spoken.add(item)
                self._unheard = False
            case "speech_stopped":
                _must(item == self._speaking, "the end of speech that has not begun")
                _must(event["audio_end_ms"] >= self._speech_at, "speech that ends before it begins")
                self._speaking = None
            case "timeout_triggered":
                _must(item not in self._committed, "a timeout for an item that was committed")
                _must(event["audio_end_ms"] >= event["audio_start_ms"], "a silence that ends before it begins")
            case "committed":
                _must(item not in self._committed and item not in self._items, "an item that is committed twice")
                self._known_before(event)
                self._committed.add(item)
                self._awaited = item
                self._speaking = None if self._speaking == item else self._speaking
            case "cleared":
                self._unheard = True
            case _:
                raise Violation("an unknown event")

    def _words(self, kind: str, event: Event) -> None:
        item = event["item_id"]
        _must(item not in self._transcribed, "words of an item that has all of its words")
        if kind == "delta":
            early = self._transcription and item in self._spoken
            _must(early or item in self._item_done, "words before their item")
            _must(bool(event["delta"]), "an empty delta")
            return
        _must(kind in ("completed", "failed"), "an unknown event")
        _must(item in self._item_done, "all words before their item")
        self._transcribed.add(item)

    # Items

    def _known_before(self, event: Event) -> None:
        before = event["previous_item_id"]
        _must(before is None or before in self._present, "a previous_item_id that nobody was told of")

    def _conversation_item(self, kind: str, event: Event) -> None:
        id = event["item_id"] if "item_id" in event else event["item"]["id"]
        match kind:
            case "added":
                self._item_added(id, event)
            case "done":
                _must(id in self._items and id not in self._item_done, "item.done of an item that is not open")
                _must(event["previous_item_id"] != id, "an item before itself")
                _must(event["item"]["status"] != "in_progress", "an item that is done and in progress")
                _must(all(_is_told(output) for output in self._outputs(id)), "item.done before what it holds")
                self._known_before(event)
                self._item_done.add(id)
                self._items[id] = event["item"]
            case "deleted":
                _must(id in self._present, "an item that is deleted and was not there")
                self._present.discard(id)
            case "retrieved":
                _must(id in self._present, "an item that is shown and was not there")
            case "truncated":
                _must(id in self._present and self._items[id].get("role") == "assistant", "what is truncated is no reply")
            case _:
                raise Violation("an unknown event")

    def _item_added(self, id: str, event: Event) -> None:
        _must(id not in self._present, "an item that is added twice")
        _must(event["item"]["object"] == "realtime.item", "an item without its object")
        _must(id not in self._spoken or id in self._committed, "an item of the caller that was not committed")
        _must(event["item"]["status"] != "in_progress" or bool(self._outputs(id)), "an item in progress of no response")
        self._known_before(event)
        self._items[id] = event["item"]
        self._present.add(id)
        self._item_done.discard(id)
        if id == self._awaited:
            self._awaited = None

    def _outputs(self, id: str) -> list[_Output]:
        """The item as a part of a response under way."""
        return [one for response in self._responses.values() for one in response.outputs if one.item["id"] == id]

    # Responses

    def _response(self, kind: str, event: Event) -> None:
        response = event["response"]
        _must(set(response) == _RESPONSE_FIELDS, "a response without all of its fields")
        id, conversation = response["id"], response["conversation_id"]
        if kind == "created":
            _must(id not in self._responses and id not in self._over, "a response that begins twice")
            _must(response["status"] == "in_progress" and response["output"] == [], "a response that has begun before")
            alone = conversation is None or all(one.conversation is None for one in self._responses.values())
            _must(alone, "two responses at once in one conversation")
            self._responses[id] = _Response(id, conversation)
            return
        _must(kind == "done" and id in self._responses, "the end of a response that is not under way")
        ended = self._responses.pop(id)
        self._over.add(id)
        _must(conversation == ended.conversation, "a response that moved to another conversation")
        _must(all(output.done is not None for output in ended.outputs), "a response that ends before its items")
        _must(response["output"] == [output.done for output in ended.outputs], "an output that is not what was told")
        _must(response["usage"] is not None, "a response without usage")
        self._check_status(response)

    def _check_status(self, response: Event) -> None:
        status, details = response["status"], response["status_details"]
        _must(status in ("completed", "cancelled", "incomplete", "failed"), "a status that is no end")
        _must((details is None) == (status == "completed"), "details where there are none, or none where there are")
        _must(details is None or details["type"] == status, "details of another status")
        if status == "failed":
            _must(bool(response["status_details"]["error"]["code"]), "a failure without a code")
        if status == "completed":
            _must(all(item["status"] == "completed" for item in response["output"]), "a whole response with a part cut off")

    def _of_response(self, prefix: str, kind: str, event: Event) -> None:
        response = self._responses.get(event.get("response_id", ""))
        if response is None:
            raise Violation("a part of a response that is not under way")
        if prefix == "response.output_item":
            self._output_item(response, kind, event)
            return
        _must(event["output_index"] < len(response.outputs), "a part of an item that was not added")
        output = response.outputs[event["output_index"]]
        _must(output.item["id"] == event["item_id"] and output.done is None, "a part of an item that is not open")
        _must(response.conversation is None or event["item_id"] in self._items, "a part of an item that is in no conversation")
        match prefix:
            case "response.content_part":
                self._content_part(output, kind, event)
            case "response.function_call_arguments":
                self._arguments(output, kind, event)
            case _:
                self._stream(output, prefix, kind, event)

    def _output_item(self, response: _Response, kind: str, event: Event) -> None:
        item, index = event["item"], event["output_index"]
        if kind == "added":
            _must(index == len(response.outputs), "an output_index that is not the next")
            _must(item["status"] == "in_progress", "an item that begins and is over")
            response.outputs.append(_Output(item, index))
            return
        _must(kind == "done" and index < len(response.outputs), "an item that is done and was not added")
        output = response.outputs[index]
        _must(output.done is None and output.item["id"] == item["id"], "an item that is done twice")
        _must(item["status"] in ("completed", "incomplete"), "an item that is done and in progress")
        _must(not output.part_open, "an item that is done before its part")
        if item["type"] == "function_call":
            _must(output.arguments_done and item["arguments"] == output.arguments, "a call without all of its arguments")
        else:
            told = [_content(part) for part in output.parts]
            _must([(one["type"], _text(one)) for one in item["content"]] == told, "a message that is not what was told")
        if response.conversation is None:
            _must(item["id"] not in self._items, "an aside that is in the conversation")
        else:
            _must(item["id"] in self._item_done and self._items[item["id"]] == item, "output_item.done before item.done")
        output.done = item

    def _content_part(self, output: _Output, kind: str, event: Event) -> None:
        part = event["part"]
        if kind == "added":
            _must(output.item["type"] == "message" and not output.part_open, "a part inside of a part")
            _must(event["content_index"] == len(output.parts), "a content_index that is not the next")
            output.parts.append(_Part(part["type"], dict.fromkeys(_STREAMS[part["type"]], "")))
            output.part_open = True
            return
        _must(kind == "done" and output.part_open, "the end of a part that is not open")
        open = self._open_part(output, event)
        _must(open.ended == set(open.streams), "a part that ends before what it holds")
        _must((f"output_{part['type']}", _text(part)) == _content(open), "a part that is not what was told")
        output.part_open = False

    def _stream(self, output: _Output, stream: str, kind: str, event: Event) -> None:
        part = self._open_part(output, event)
        _must(stream in part.streams and stream not in part.ended, "a delta or an end in the wrong place")
        if kind == "delta":
            _must(bool(event["delta"]), "an empty delta")
            part.streams[stream] += event["delta"] if stream != "response.output_audio" else ""
            return
        _must(kind == "done", "an unknown event")
        text = event.get("transcript", event.get("text", ""))
        _must(text == part.streams[stream], "an end that says something else")
        part.ended.add(stream)

    def _arguments(self, output: _Output, kind: str, event: Event) -> None:
        _must(output.item["type"] == "function_call" and not output.arguments_done, "arguments in the wrong place")
        _must(event["call_id"] == output.item["call_id"], "arguments of another call")
        if kind == "delta":
            output.arguments += event["delta"]
            return
        _must(kind == "done" and event["arguments"] == output.arguments, "arguments that are not what was told")
        _must(event["name"] == output.item["name"], "arguments of another function")
        output.arguments_done = True

    def _open_part(self, output: _Output, event: Event) -> _Part:
        _must(output.part_open and event["content_index"] == len(output.parts) - 1, "a part that is not open")
        return output.parts[-1]


def _is_told(output: _Output) -> bool:
    """Whether nothing of an item is still to come."""
    return output.arguments_done if output.item["type"] == "function_call" else not output.part_open


def _content(part: _Part) -> tuple[str, str]:
    return f"output_{part.type}", part.streams[_STREAMS[part.type][-1]]


def _text(part: Event) -> str:
    return part["text"] if "text" in part else part["transcript"]


def _with_known_rates(event: Event) -> Event:
    """The package knows PCM at 24 kHz only; this server has more."""
    if not event.keys() & {"session", "response"}:
        return event
    event = deepcopy(event)
    audio = event.get("session", event.get("response", {})).get("audio") or {}
    for side in audio.values():
        if "rate" in side.get("format", {}):
            side["format"]["rate"] = 24_000
    return event


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)
