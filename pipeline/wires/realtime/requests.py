"""What clients of the Realtime API send, as events for the conversation.

Nothing raises: what cannot be used is answered by an `error` event, which repeats the client's `event_id`, and the session
goes on. Every request carries a `ref` that holds this id, so a refusal by the conversation finds its way back.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never, cast

from pydantic_core import from_json

from pipeline import events as on
from pipeline.audio import to_ms
from pipeline.errors import ClientError
from pipeline.history import Item
from pipeline.ports import Entry, ToolCall, Wish
from pipeline.wires.realtime import client_events as by_client
from pipeline.wires.realtime.fields import ConversationFields
from pipeline.wires.realtime.formats import from_base64, rate_of
from pipeline.wires.realtime.items import ItemReference, given
from pipeline.wires.realtime.reply import Asked
from pipeline.wires.realtime.server_events import ServerEvents, error_of
from pipeline.wires.realtime.session import Session, Terms, wish_of
from pipeline.wires.realtime.tools import choice_of, max_tokens_of, tools_of
from pipeline.wires.realtime.transcripts import Transcripts
from pipeline.wires.wire import Taken

_APPEND_FIELDS = frozenset({"type", "audio", "event_id"})
_MOST_ID_CHARS = 512
_MOST_ASKED = 64
"""Responses that were asked for and have not begun; past that the oldest is no longer told of with what was asked."""
_NO_RESPONSE = "Cancellation failed: no active response found"


class Requests:
    """Reads a client's messages; `find_turn` gives the turn of a response that is under way."""

    def __init__(
        self,
        terms: Terms,
        session: Session,
        events: ServerEvents,
        transcripts: Transcripts,
        find_turn: Callable[[str], int | None],
    ) -> None:
        self._terms = terms
        self._session = session
        self._events = events
        self._transcripts = transcripts
        self._find_turn = find_turn
        self._made = 0
        self._asked: OrderedDict[str, Asked] = OrderedDict()
        self.spoke = False
        """Whether audio of a reply was sent yet."""

    def read(self, message: str | bytes) -> list[Taken]:
        event_id = None
        try:
            fields = self._parsed(message)
            event_id = _event_id(fields)
            audio = fields.get("audio")
            if fields.get("type") == by_client.APPEND and isinstance(audio, str) and fields.keys() <= _APPEND_FIELDS:
                return [from_base64(audio, self._session.input.format, "audio")]
            return self._understood(by_client.read_event(fields))
        except ClientError as error:
            return [self._events.error(error_of(error.fault, error.code, error.message, error.param, event_id))]

    def asked(self, ref: str) -> Asked:
        """What was asked of a response; for one that nobody asked for, what the session says."""
        return self._asked.pop(ref, None) or self._of_session()

    def _parsed(self, message: str | bytes) -> dict[str, Any]:
        if isinstance(message, bytes):
            raise ClientError("invalid_event", "Events are JSON in text messages; send audio as base64 in them.")
        if len(message) > self._terms.audio_bytes:
            raise _too_big(len(message), self._terms.audio_bytes)
        try:
            parsed: object = from_json(message, allow_inf_nan=False)
        except ValueError:
            raise ClientError("invalid_json", "The message is not JSON.") from None
        if not isinstance(parsed, dict):
            raise ClientError("invalid_event", "An event is a JSON object with a type.")
        fields = cast(dict[str, Any], parsed)
        if len(message) > self._terms.message_bytes and fields.get("type") not in (by_client.APPEND, by_client.ITEM_CREATE):
            raise _too_big(len(message), self._terms.message_bytes)
        return fields

    def _understood(self, event: by_client.ClientEvent) -> list[Taken]:
        ref = self._ref(event.event_id)
        match event:
            case by_client.Append(audio=audio):
                return [from_base64(audio, self._session.input.format, "audio")]
            case by_client.SessionUpdate(session=changes):
                self._session.update(changes, self.spoke)
                updated = self._events.write("session.updated", session=self._session.wire())
                return [updated, on.Adjusted(self._session.manner)]
            case by_client.Commit():
                return [on.Committed(ref)]
            case by_client.Clear():
                return [on.Cleared()]
            case by_client.ItemCreate():
                return [self._item(event, ref)]
            case by_client.ItemDelete(item_id=id):
                return [on.ItemUnwanted(id, ref)]
            case by_client.ItemRetrieve(item_id=id):
                return [on.ItemAsked(id, ref)]
            case by_client.ItemTruncate(item_id=id, audio_end_ms=ms):
                return [on.ItemCut(id, ms, ref)]
            case by_client.ResponseCreate(response=response):
                return [self._reply(response or by_client.ResponseFields(), ref)]
            case by_client.ResponseCancel(response_id=id):
                return [self._cancel(id, ref)]
            case by_client.OutputClear():
                message = (
                    "There is no output buffer on a WebSocket: cancel the response, and throw away what you have not played."
                )
                raise ClientError("unsupported_event", message, "type")
            case _:
                assert_never(event)

    def _item(self, event: by_client.ItemCreate, ref: str) -> on.ItemGiven:
        form = self._session.input.format
        said = given(event.item, form, self._terms.text_chars, "item")
        id = event.item.id or self._name("item")
        if said.pcm:
            self._transcripts.expect(id, to_ms(len(said.pcm) // 2, rate_of(form)))
        entry = self._named_call(said.entry)
        after = "" if event.previous_item_id == "root" else event.previous_item_id
        return on.ItemGiven(Item(id, entry, said.spoken, said.complete), after, ref, said.pcm)

    def _named_call(self, entry: Entry) -> Entry:
        """A function call that the client gave no name for its result."""
        return replace(entry, id=self._name("call")) if isinstance(entry, ToolCall) and not entry.id else entry

    def _reply(self, response: by_client.ResponseFields, ref: str) -> on.ReplyAsked:
        session = self._session.fields
        if not isinstance(session, ConversationFields):
            message = "A transcription session gives no responses; connect without '?intent=transcription' for them."
            raise ClientError("unsupported_event", message, "type")
        wish, asked = self._wish(response, session), self._options(response)
        entries = self._entries(response)
        self._asked[ref] = asked
        if len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)
        return on.ReplyAsked(ref, wish, response.conversation == "none", entries)

    def _wish(self, response: by_client.ResponseFields, session: ConversationFields) -> Wish:
        """The session's, as far as the response has none of its own."""
        wish = wish_of(session)
        own: dict[str, Any] = {}
        if response.instructions is not None:
            own["instructions"] = response.instructions or None
        if response.tools is not None:
            own["tools"] = tools_of(response.tools)
            # A tool that the session insists on may not be among them.
            own["tool_choice"] = wish.tool_choice if not wish.tool_choice.startswith("name:") else "auto"
        if response.tool_choice is not None:
            own["tool_choice"] = choice_of(response.tool_choice, own.get("tools", wish.tools), "response.tool_choice")
        if response.output_modalities is not None:
            own["spoken"] = response.output_modalities == ["audio"]
        if response.max_output_tokens is not None:
            own["max_tokens"] = max_tokens_of(response.max_output_tokens)
        output = response.audio.output if response.audio is not None else None
        if output is not None and output.voice is not None:
            self._session.check_voice(output.voice, "response.audio.output.voice")
            own["voice"] = output.voice
        return replace(wish, **own)

    def _options(self, response: by_client.ResponseFields) -> Asked:
        asked = replace(self._of_session(), metadata=response.metadata)
        own: dict[str, Any] = {}
        if response.output_modalities is not None:
            own["modality"] = response.output_modalities[0]
        if response.max_output_tokens is not None:
            own["max_output_tokens"] = response.max_output_tokens
        output = response.audio.output if response.audio is not None else None
        if output is not None and output.voice is not None:
            own["voice"] = output.voice
        if output is not None and output.format is not None:
            if rate_of(output.format) != rate_of(asked.format):
                param = "response.audio.output.format"
                message = "A response has the session's samples a second: change 'session.audio.output.format' in its place."
                raise ClientError("unsupported_parameter", message, param)
            own["format"] = output.format
        return replace(asked, **own)

    def _of_session(self) -> Asked:
        fields = self._session.fields
        if not isinstance(fields, ConversationFields):
            return Asked()
        output = fields.audio.output
        return Asked(fields.output_modalities[0], output.voice, output.format, fields.max_output_tokens)

    def _entries(self, response: by_client.ResponseFields) -> tuple[Entry | str, ...] | None:
        if response.input is None:
            return None
        entries: list[Entry | str] = []
        for place, item in enumerate(response.input):
            if isinstance(item, ItemReference):
                entries.append(item.id)
                continue
            param = f"response.input[{place}]"
            said = given(item, self._session.input.format, self._terms.text_chars, param)
            if said.pcm:
                message = "Audio that nobody has transcribed cannot be given here: create an item, and refer to it."
                raise ClientError("unsupported_content", message, f"{param}.content")
            entries.append(self._named_call(said.entry))
        return tuple(entries)

    def _cancel(self, id: str | None, ref: str) -> on.ReplyUnwanted:
        turn = None if id is None else self._find_turn(id)
        if id is not None and turn is None:
            raise ClientError("response_cancel_not_active", _NO_RESPONSE, "response_id")
        return on.ReplyUnwanted(ref, turn)

    def _ref(self, event_id: str | None) -> str:
        self._made += 1
        return f"{self._made}:{event_id or ''}"

    def _name(self, kind: str) -> str:
        """The first letter keeps these apart from the names that the conversation gives."""
        self._made += 1
        return f"{kind}_c{self._terms.id}{self._made:04d}"


def event_id_of(ref: str) -> str | None:
    """The client's own name for a request."""
    return ref.partition(":")[2] or None


def _event_id(fields: dict[str, Any]) -> str | None:
    id = fields.get("event_id")
    return id if isinstance(id, str) and len(id) <= _MOST_ID_CHARS else None


def _too_big(length: int, most: int) -> ClientError:
    return ClientError(
        "message_too_big", f"This message has {length} characters, and {most} are the most; send less at a time."
    )
