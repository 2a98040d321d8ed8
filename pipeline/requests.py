"""What a client that keeps items asks for: turns that it declares, replies when it wants them, items as it wants them.

Whoever asks for what cannot be gets a refusal that repeats the name of the request, and nothing changes.
"""

from pipeline import events as on
from pipeline.answering import Answering
from pipeline.asides import MOST
from pipeline.audio import to_ms
from pipeline.desk import Request, attend
from pipeline.errors import ClientError
from pipeline.floor import Floor
from pipeline.history import Item
from pipeline.listening import Listening
from pipeline.manner import Manner
from pipeline.notices import BufferCleared, NobodySpoke, Refused, TurnTaken
from pipeline.ports import LISTENING_RATE, Entry, Message
from pipeline.states import State

_SHORTEST_TURN_MS = 100
"""Audio that a client may declare to be a turn."""


class Requests:
    def __init__(self, floor: Floor, listening: Listening, answering: Answering) -> None:
        self._floor = floor
        self._listening = listening
        self._answering = answering

    def adjust(self, manner: Manner) -> None:
        before, self._floor.manner = self._floor.manner, manner
        self._floor.changed = True
        self._answering.mouth.manner = manner
        self._answering.discard()
        self._listening.adjust(other_rules=manner.turn != before.turn)
        self._floor.quiet.adjust(manner)
        if before.detects and not manner.detects:
            self._listening.forget_speech()

    def commit(self, ref: str, at: int) -> None:
        ms = max(to_ms(at - self._listening.since, LISTENING_RATE), 0)
        if ms < _SHORTEST_TURN_MS:
            wanted = f"Expected at least {_SHORTEST_TURN_MS}ms of audio, but buffer only has {ms:.2f}ms of audio."
            message = f"Error committing input audio buffer: buffer too small. {wanted}"
            self._refuse(ref, ClientError("input_audio_buffer_commit_empty", message))
            return
        self._listening.declare(at)

    def clear(self, at: int) -> None:
        self._listening.forget_speech(at)
        self._floor.tell(BufferCleared())

    def attend(self, event: Request) -> None:
        """Does what is wanted of an item; a reply whose item is meant stops."""
        if isinstance(event, on.ItemUnwanted | on.ItemCut) and event.id and event.id == self._answering.mouth.item:
            self._answering.stop()
        history = self._floor.history
        self._floor.changed = True
        known = isinstance(event, on.ItemGiven) and history.knows(event.item.id)
        self._floor.out += attend(history, event)
        if isinstance(event, on.ItemGiven) and event.pcm and not known and history.knows(event.item.id):
            self._listening.write_given(event.item.id, event.pcm)

    def reply(self, event: on.ReplyAsked) -> None:
        try:
            self._check_room(event)
            entries = self._resolve(event.entries)
        except ClientError as error:
            self._refuse(event.ref, error)
            return
        if event.aside:
            self._reply_aside(event, entries)
            return
        self._answering.make_room()
        self._listening.set_aside()
        self._answering.begin(self._floor.new_turn(), event.wish, event.ref, entries)

    def _resolve(self, entries: tuple[Entry | str, ...] | None) -> tuple[Entry, ...] | None:
        try:
            return None if entries is None else self._floor.history.resolve(entries)
        except ClientError as error:
            raise ClientError(error.code, error.message, "response.input") from None

    def _check_room(self, event: on.ReplyAsked) -> None:
        if event.aside:
            if self._answering.asides.full:
                raise ClientError("rate_limit_exceeded", f"There are {MOST} responses outside of the conversation already.")
        elif self._answering.mouth.active or self._answer_is_due:
            message = "Conversation already has an active response in progress. Wait until it is finished, or cancel it."
            raise ClientError("conversation_already_has_active_response", message)

    def _reply_aside(self, event: on.ReplyAsked, entries: tuple[Entry, ...] | None) -> None:
        floor = self._floor
        work = floor.new_work(floor.new_turn())
        prompt = self._answering.prompt(event.wish, entries)
        floor.out += self._answering.asides.begin(work, prompt, floor.manner, floor.history.new_name(), event.ref)

    def cancel(self, ref: str, turn: int | None) -> None:
        mouth, asides = self._answering.mouth, self._answering.asides
        if turn is not None and turn in asides.turns():
            self._floor.out += asides.stop(turn)
        elif mouth.active and turn in (None, mouth.turn):
            self._answering.stop()
        elif self._answer_is_due and turn is None:
            self._listening.set_aside()
        else:
            message = "Cancellation failed: no active response found"
            self._refuse(ref, ClientError("response_cancel_not_active", message))

    def go_on_unasked(self) -> None:
        """The caller has said nothing for too long: that counts as a turn without words."""
        floor = self._floor
        item, stop_ms = floor.history.new_name(), round(1000 * (floor.now - floor.opened_at))
        start_ms = max(stop_ms - floor.manner.idle_ms, 0)
        floor.history.tell(Item(item, Message("user", ""), spoken=True))
        floor.tell(NobodySpoke(start_ms, stop_ms, item))
        floor.tell(TurnTaken(item, stop_ms - start_ms))
        self._answering.begin(floor.new_turn(), floor.manner.wish)

    @property
    def _answer_is_due(self) -> bool:
        """Whether a turn has ended that will be answered once its words are known."""
        return self._floor.state is State.TRANSCRIBING and self._floor.manner.answers

    def _refuse(self, ref: str, error: ClientError) -> None:
        self._floor.tell(Refused(ref, error.code, error.message, error.param))
