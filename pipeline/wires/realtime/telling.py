"""What a conversation tells, as the events that clients of the Realtime API expect, in the order that they expect."""

from collections.abc import Callable
from typing import Any

from pipeline import notices as told
from pipeline.errors import Fault
from pipeline.notices import Notice
from pipeline.wires.realtime import items
from pipeline.wires.realtime.order import ItemOrder
from pipeline.wires.realtime.reply import Reply
from pipeline.wires.realtime.requests import Requests, event_id_of
from pipeline.wires.realtime.server_events import ServerEvents, error_of
from pipeline.wires.realtime.session import Session, Terms
from pipeline.wires.realtime.transcripts import Transcripts

RateLimit = tuple[str, int, int, float]
"""Its name (`requests` or `tokens`), how much there is in all, how much is left, and in how many seconds all of it is back."""


_MOST_TROUBLES = 8


class Replies:
    """The responses that are under way, by the turns of the conversation; one of them at most is no aside."""

    def __init__(self) -> None:
        self.by_turn: dict[int, Reply] = {}
        self.present: int | None = None
        """Turn of the one that is part of the conversation."""

    def find_turn(self, id: str) -> int | None:
        return next((turn for turn, reply in self.by_turn.items() if reply.id == id), None)

    def end(self, turn: int) -> Reply | None:
        if self.present == turn:
            self.present = None
        return self.by_turn.pop(turn, None)


class Telling:
    def __init__(
        self,
        terms: Terms,
        session: Session,
        events: ServerEvents,
        transcripts: Transcripts,
        replies: Replies,
        requests: Requests,
        rate_limits: Callable[[], list[RateLimit]],
    ) -> None:
        self._name = terms.id
        self._session = session
        self._events = events
        self._transcripts = transcripts
        self._replies = replies
        self._requests = requests
        self._rate_limits = rate_limits
        self._order = ItemOrder(terms.history_items)
        self._begun = 0
        self._heard_ms = 0
        """Audio of the caller that no reply has answered yet."""
        self._troubles: list[told.Failed] = []
        """What failed during a reply; the reply's end may tell it."""

    def audio(self, pcm: bytes) -> list[str]:
        """Of the present reply."""
        turn = self._replies.present
        return [] if turn is None else self._spoke(turn, pcm)

    def write(self, notice: Notice) -> list[str]:
        match notice:
            case told.CallerBegan(at_ms, item):
                return [self._write("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=item)]
            case told.CallerStopped(at_ms, item):
                return [self._write("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item)]
            case told.NobodySpoke(start_ms, stop_ms, item):
                times = {"audio_start_ms": start_ms, "audio_end_ms": stop_ms}
                return [self._write("input_audio_buffer.timeout_triggered", **times, item_id=item)]
            case told.Heard(_, text, final, _, _, item):
                return self._transcripts.heard(item, text, final) if self._transcribed and item else []
            case told.TurnTaken(item, ms):
                return self._turn_taken(item, ms)
            case told.BufferCleared():
                return [self._write("input_audio_buffer.cleared")]
            case told.Failed():
                return self._failed(notice)
            case told.Refused(ref, code, message, param):
                self._requests.asked(ref)
                return [self._events.error(error_of(Fault.CLIENT, code, message, param, event_id_of(ref)))]
            case told.ItemTaken() | told.ItemGone() | told.ItemShown() | told.ItemShortened():
                return self._item(notice)
            case told.ReplyBegan() | told.Said() | told.CallGrew() | told.AsideSpoken() | told.ReplyEnded():
                return self._reply(notice)
            case _:
                return []

    def _item(self, notice: told.ItemTaken | told.ItemGone | told.ItemShown | told.ItemShortened) -> list[str]:
        match notice:
            case told.ItemTaken(item, after):
                before = self._order.put(item.id, after)
                return self._item_told(before, items.wired(item)) + self._transcripts.known(item.id)
            case told.ItemGone(id):
                self._order.remove(id)
                self._transcripts.forget(id)
                return [self._write("conversation.item.deleted", item_id=id)]
            case told.ItemShown(item):
                return [self._write("conversation.item.retrieved", item=items.wired(item))]
            case told.ItemShortened(id, heard_ms):
                return [self._write("conversation.item.truncated", item_id=id, content_index=0, audio_end_ms=heard_ms)]

    def _reply(self, notice: told.ReplyBegan | told.Said | told.CallGrew | told.AsideSpoken | told.ReplyEnded) -> list[str]:
        if isinstance(notice, told.ReplyBegan):
            return self._began(notice)
        reply = self._replies.by_turn.get(notice.turn)
        if reply is None:
            return []
        match notice:
            case told.Said(_, text):
                return reply.said(text)
            case told.CallGrew():
                return reply.called(notice)
            case told.AsideSpoken(turn, pcm):
                return self._spoke(turn, pcm)
            case told.ReplyEnded():
                return self._ended(reply, notice)

    @property
    def _transcribed(self) -> bool:
        """Whether the client wants to read what the caller says."""
        return self._session.input.transcription is not None

    def _turn_taken(self, item: str, ms: int) -> list[str]:
        self._heard_ms += ms
        before = self._order.add(item)
        committed = self._write("input_audio_buffer.committed", previous_item_id=before, item_id=item)
        content = {"type": "input_audio", "transcript": None}
        out = [committed, *self._item_told(before, items.message(item, "user", "completed", [content]))]
        return out + self._transcripts.known(item, ms)

    def _item_told(self, before: str | None, item: items.Wired) -> list[str]:
        return [
            self._write("conversation.item.added", previous_item_id=before, item=item),
            self._write("conversation.item.done", previous_item_id=before, item=item),
        ]

    def _began(self, notice: told.ReplyBegan) -> list[str]:
        self._begun += 1
        conversation = None if notice.aside else f"conv_{self._name}"
        name = f"resp_{self._name}{self._begun:04d}"
        asked = self._requests.asked(notice.ref)
        reply = Reply(name, notice.item, conversation, asked, self._events, self._order)
        self._replies.by_turn[notice.turn] = reply
        if not notice.aside:
            self._replies.present = notice.turn
        return reply.began()

    def _spoke(self, turn: int, pcm: bytes) -> list[str]:
        out = self._replies.by_turn[turn].spoke(pcm)
        self._requests.spoke = self._requests.spoke or bool(out)
        return out

    def _ended(self, reply: Reply, notice: told.ReplyEnded) -> list[str]:
        heard_ms = 0
        troubles: list[told.Failed] = []
        if notice.turn == self._replies.present:
            heard_ms, self._heard_ms = self._heard_ms, 0
            troubles, self._troubles = self._troubles, []
        self._replies.end(notice.turn)
        out = reply.ended(notice, heard_ms)
        limits = [
            dict(zip(("name", "limit", "remaining", "reset_seconds"), limit, strict=True)) for limit in self._rate_limits()
        ]
        if limits:
            out.append(self._write("rate_limits.updated", rate_limits=limits))
        told_already = notice.reason if notice.status == "failed" else None
        return out + [self._trouble(failed) for failed in troubles if failed.code != told_already]

    def _failed(self, failed: told.Failed) -> list[str]:
        """A failure that may be that of the present reply waits for its end, since many clients take any error as the last."""
        if failed.item and self._transcribed:
            error = error_of(failed.fault, failed.code, failed.message)
            error.pop("event_id")
            return self._transcripts.failed(failed.item, error)
        if failed.fault is Fault.PROVIDER and self._replies.present is not None:
            self._troubles = [*self._troubles[1 - _MOST_TROUBLES :], failed]
            return []
        return [self._trouble(failed)]

    def _trouble(self, failed: told.Failed) -> str:
        return self._events.error(error_of(failed.fault, failed.code, failed.message))

    def _write(self, type: str, **fields: Any) -> str:
        return self._events.write(type, **fields)
