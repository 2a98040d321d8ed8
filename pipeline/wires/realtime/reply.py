"""One response on its way out: its items, their parts, and the order in which a client is told of them.

A response has at most one message, which opens with its first words or sound and closes when the response ends. Function
calls stand beside it, and may come and close while it is still being spoken.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.notices import CallGrew, ReplyEnded
from pipeline.wires.realtime import items
from pipeline.wires.realtime.formats import AudioFormat, Pcm, rate_of, to_base64
from pipeline.wires.realtime.order import ItemOrder
from pipeline.wires.realtime.server_events import ServerEvents, open_string

_MS_AN_INPUT_TOKEN = 100
_MS_AN_OUTPUT_TOKEN = 50
_REASONS = frozenset({"turn_detected", "client_cancelled", "max_output_tokens", "content_filter"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked of a response, as far as it is told of it again."""

    modality: Literal["audio", "text"] = "audio"
    voice: str | None = None
    format: AudioFormat = field(default_factory=Pcm)
    max_output_tokens: int | str = "inf"
    metadata: dict[str, str] | None = None


@dataclass(slots=True)
class _Open:
    """An item that is on its way."""

    id: str
    output_index: int
    head: dict[str, Any]
    """Fields that all of its events have."""
    text: str = ""
    """Words of a message, arguments of a call."""
    call_id: str = ""
    name: str = ""
    closed: dict[str, Any] | None = None
    """The item as it was in the end."""


class Reply:
    def __init__(
        self, id: str, item: str, conversation: str | None, asked: Asked, events: ServerEvents, order: ItemOrder
    ) -> None:
        self.id = id
        self._item = item
        self._conversation = conversation
        """Its name; None for a response that stands outside of it."""
        self._asked = asked
        self._events = events
        self._order = order
        self._message: _Open | None = None
        self._calls: dict[str, _Open] = {}
        self._samples = 0
        self._audio_head = ""

    def began(self) -> list[str]:
        return [self._events.write("response.created", response=self._response("in_progress", None, None, []))]

    def said(self, text: str) -> list[str]:
        """The words so far; a reply without any has no message."""
        if not text:
            return []
        out, message = self._opened()
        if not text.startswith(message.text):
            return out
        delta, message.text = text[len(message.text) :], text
        if delta:
            kind = "response.output_audio_transcript.delta" if self._spoken else "response.output_text.delta"
            out.append(self._events.write(kind, **message.head, content_index=0, delta=delta))
        return out

    def spoke(self, pcm: bytes) -> list[str]:
        if not self._spoken or not pcm:
            return []
        out, _ = self._opened()
        self._samples += len(pcm) // 2
        out.append(self._events.write_around(self._audio_head, to_base64(pcm, self._asked.format)))
        return out

    def called(self, call: CallGrew) -> list[str]:
        out: list[str] = []
        part = self._calls.get(call.item)
        if part is None:
            part = self._calls[call.item] = self._new(call.item)
            part.call_id, part.name = call.call_id, call.name
            out += self._item_added(part, items.function_call(part.id, "in_progress", part.call_id, part.name, ""))
        if part.closed is not None:
            return out
        if call.arguments:
            part.text += call.arguments
            delta = self._events.write(
                "response.function_call_arguments.delta", **part.head, call_id=part.call_id, delta=call.arguments
            )
            out.append(delta)
        return out + self._close_call(part, "completed") if call.final else out

    def ended(self, end: ReplyEnded, heard_ms: int) -> list[str]:
        """`heard_ms` of the caller's audio is what it answers."""
        out: list[str] = []
        status = "completed" if end.status == "completed" else "incomplete"
        if self._message is not None:
            out += self._close_message(self._message, status)
        for part in self._calls.values():
            if part.closed is None:
                out += self._close_call(part, status)
        parts = sorted(self._parts(), key=lambda part: part.output_index)
        output = [part.closed for part in parts if part.closed is not None]
        response = self._response(end.status, _details(end), self._usage(end, heard_ms), output)
        return [*out, self._events.write("response.done", response=response)]

    @property
    def _spoken(self) -> bool:
        return self._asked.modality == "audio"

    def _parts(self) -> list[_Open]:
        return [*([self._message] if self._message else []), *self._calls.values()]

    def _new(self, id: str) -> _Open:
        output_index = len(self._parts())
        return _Open(id, output_index, {"response_id": self.id, "item_id": id, "output_index": output_index})

    def _opened(self) -> tuple[list[str], _Open]:
        """The message, and what tells of it if this is the first of it."""
        if self._message is not None:
            return [], self._message
        message = self._message = self._new(self._item)
        out = self._item_added(message, items.message(message.id, "assistant", "in_progress", []))
        part = {"type": "audio", "transcript": ""} if self._spoken else {"type": "text", "text": ""}
        out.append(self._events.write("response.content_part.added", **message.head, content_index=0, part=part))
        self._audio_head = open_string(type="response.output_audio.delta", **message.head, content_index=0, delta="")
        return out, message

    def _item_added(self, part: _Open, item: items.Wired) -> list[str]:
        out = [self._events.write("response.output_item.added", **_without_item(part.head), item=item)]
        if self._conversation is not None:
            before = self._order.add(part.id)
            out.append(self._events.write("conversation.item.added", previous_item_id=before, item=item))
        return out

    def _item_done(self, part: _Open, item: items.Wired) -> list[str]:
        part.closed = item
        out: list[str] = []
        if self._conversation is not None:
            before = self._order.before(part.id)
            out.append(self._events.write("conversation.item.done", previous_item_id=before, item=item))
        return [*out, self._events.write("response.output_item.done", **_without_item(part.head), item=item)]

    def _close_message(self, message: _Open, status: str) -> list[str]:
        write, head, text = self._events.write, {**message.head, "content_index": 0}, message.text
        if self._spoken:
            out = [
                write("response.output_audio.done", **head),
                write("response.output_audio_transcript.done", **head, transcript=text),
                write("response.content_part.done", **head, part={"type": "audio", "transcript": text}),
            ]
            content = {"type": "output_audio", "transcript": text}
        else:
            out = [
                write("response.output_text.done", **head, text=text),
                write("response.content_part.done", **head, part={"type": "text", "text": text}),
            ]
            content = {"type": "output_text", "text": text}
        return out + self._item_done(message, items.message(message.id, "assistant", status, [content]))

    def _close_call(self, part: _Open, status: str) -> list[str]:
        done = self._events.write(
            "response.function_call_arguments.done",
            **part.head,
            call_id=part.call_id,
            name=part.name,
            arguments=part.text,
        )
        return [done, *self._item_done(part, items.function_call(part.id, status, part.call_id, part.name, part.text))]

    def _response(
        self, status: str, details: dict[str, Any] | None, usage: dict[str, Any] | None, output: list[items.Wired]
    ) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": output,
            "conversation_id": self._conversation,
            "output_modalities": [self._asked.modality],
            "max_output_tokens": self._asked.max_output_tokens,
            "audio": {"output": {"format": self._asked.format.model_dump(), "voice": self._asked.voice}},
            "usage": usage,
            "metadata": self._asked.metadata,
        }

    def _usage(self, end: ReplyEnded, heard_ms: int) -> dict[str, Any]:
        """Text as the provider counts it, sound by its length."""
        told = end.usage
        heard = heard_ms // _MS_AN_INPUT_TOKEN
        spoken = self._samples * 1000 // rate_of(self._asked.format) // _MS_AN_OUTPUT_TOKEN
        return {
            "total_tokens": told.input_tokens + heard + told.output_tokens + spoken,
            "input_tokens": told.input_tokens + heard,
            "output_tokens": told.output_tokens + spoken,
            "input_token_details": {
                "text_tokens": told.input_tokens,
                "audio_tokens": heard,
                "image_tokens": 0,
                "cached_tokens": told.cached_tokens,
                "cached_tokens_details": {"text_tokens": told.cached_tokens, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": told.output_tokens, "audio_tokens": spoken},
        }


def _without_item(head: dict[str, Any]) -> dict[str, Any]:
    return {"response_id": head["response_id"], "output_index": head["output_index"]}


def _details(end: ReplyEnded) -> dict[str, Any] | None:
    """Why it did not come to its own end; clients know only a few reasons."""
    if end.status == "completed":
        return None
    if end.status == "failed":
        return {"type": "failed", "error": {"type": "server_error", "code": end.reason, "message": end.message}}
    reason = {"reason": end.reason} if end.reason in _REASONS else {}
    return {"type": end.status, **reason}
