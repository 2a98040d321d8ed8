"""Our side of a conversation: what is said when, and what is remembered of it.

Replies come from pipeline.mouth; here they get their prompts, their place in the history, and their effect on the call flow.
"""

from dataclasses import dataclass
from typing import Any

from pipeline import events as on
from pipeline.asides import Asides
from pipeline.commands import HangUp
from pipeline.floor import Floor
from pipeline.flow import Flow
from pipeline.history import Item
from pipeline.latency import Latency
from pipeline.memento import Memento, ReplyDue, Told
from pipeline.mouth import Mouth, Step
from pipeline.notices import Interrupted, ReplyEnded
from pipeline.ports import Entry, Message, Prompt, Wish
from pipeline.states import State, Trigger

UNASKED = 0
"""The turn of what we say by ourselves: greeting, a question whether somebody is there, goodbye."""


@dataclass(frozen=True, slots=True)
class _PromptDue:
    """A reply that is asked for once all words are known."""

    wish: Wish
    entries: tuple[Entry, ...] | None


class Answering:
    def __init__(self, floor: Floor, flow_name: str, flow: Flow) -> None:
        self._floor = floor
        self._flow_name = flow_name
        self._flow = flow
        self._flow_state: dict[str, Any] = {}
        self.mouth = Mouth(floor.config, floor.manner, floor.books, floor.history.new_name)
        self.asides = Asides(floor.config)
        self._asked = ""
        """The item of the caller's last turn."""
        self._prompt_due: _PromptDue | None = None
        self._away = False
        """Whether nobody is there to hear the reply."""
        self.turns: list[Latency] = []
        """Reports of turns that were answered since somebody last took them."""

    @property
    def expected(self) -> tuple[str, ...]:
        """What the flow expects to hear in this place."""
        if not self._floor.manner.foreseen:
            return ()
        return self._flow.expected(self._floor.manner.language, self._flow_state)

    # Replies to the caller

    def prepare(self, turn: int, words: str) -> None:
        """A reply that may not be needed, to words that may not be all."""
        floor = self._floor
        entries = (*floor.history.entries(), Message("user", words))
        prompt = self.prompt(floor.manner.wish, entries)
        floor.out += self.mouth.prepare(floor.new_work(turn), words, prompt, floor.now)

    def discard(self) -> None:
        """What was prepared is not needed."""
        self._floor.out += self.mouth.discard(self._floor.now)

    def answer(self, turn: int, item: str, words: str) -> None:
        """The words of a turn are known, and are an item."""
        floor = self._floor
        self._asked = item
        released = self.mouth.release(words, floor.now)
        if released is None:
            self.discard()
            wish = floor.manner.wish
            floor.out += self.mouth.begin(floor.new_work(turn), wish)
            floor.out += self.mouth.ask(self.prompt(wish))
        else:
            floor.out += released
        self._keep_place()

    def take_back(self) -> str:
        """The caller had not finished: nobody has asked anything yet. Gives the words so far."""
        words = self._floor.history.forget(self._asked)
        self.drop()
        return words

    def begin(self, turn: int, wish: Wish, ref: str = "", entries: tuple[Entry, ...] | None = None) -> None:
        """A reply to whatever will have been said once all words of turns that have ended are known."""
        floor = self._floor
        floor.out += self.mouth.begin(floor.new_work(turn), wish, ref)
        self._keep_place()
        self._prompt_due = _PromptDue(wish, entries)
        floor.go(Trigger.ASKED)

    def prompt(self, wish: Wish, entries: tuple[Entry, ...] | None = None) -> Prompt:
        known = self._floor.history.entries() if entries is None else entries
        return Prompt(known, self._floor.manner.language, self._flow_name, self._flow_state, wish)

    # Nobody listens for a while

    def pause(self) -> None:
        """The caller is away: what they do not hear is kept for them."""
        self._away = True
        self._floor.out += self.mouth.hold(self._floor.now)

    def go_on(self) -> None:
        self._away = False
        # Whoever brings the caller back knows nothing of where the conversation stands.
        self._floor.changed = True
        if self._floor.state is not State.HELD:
            self._floor.out += self.mouth.go_on(self._floor.now)
        # What was told meanwhile nobody has heard.
        self._floor.out += self.mouth.tell_again()

    # It goes on elsewhere

    def describe(self) -> tuple[dict[str, Any], ReplyDue | None]:
        """Where the call flow stands, and the reply under way."""
        return self._flow_state, self.mouth.due_elsewhere(self._asked)

    def restore(self, memento: Memento, told: Told) -> None:
        floor, due = self._floor, memento.reply
        self._flow_state = memento.flow_state
        for turn in told.broken:
            floor.tell(ReplyEnded(turn, "failed", "server_error", "A part of this server failed; please ask again."))
        if due is None or due.turn in told.broken:
            floor.restore(memento, told, State.LISTENING)
            return
        # Where another reply has begun this one is over.
        heard = told.heard if told.turn in (None, due.turn) else due.text
        if heard is not None:
            floor.restore(memento, told, State.LISTENING)
            self._remember_cut(due, heard)
            return
        self._asked = due.asked
        sounded = bool(due.sent + told.sent) or told.held_ms is not None
        floor.restore(memento, told, State.SPEAKING if sounded else State.THINKING)
        floor.out += self.mouth.restore(floor.new_work(due.turn), due, told, floor.now)

    def _remember_cut(self, due: ReplyDue, heard: str) -> None:
        """The reply was interrupted before it could be told elsewhere what became of it."""
        if heard or self._floor.manner.keeps_items:
            item = Item(due.item, Message("assistant", heard), due.wish.spoken, due.final and heard == due.text)
            self._floor.history.tell(item)
        else:
            self._floor.history.forget_place(due.item)
        if due.step is not None:
            self._flow_state = due.step.state

    # What we say by ourselves

    def greet(self) -> None:
        self._say(self._flow.greeting(self._floor.manner.language), Trigger.GREETED)

    def ask_whether_there(self) -> None:
        self._say(self._flow.reprompt(self._floor.manner.language), Trigger.GREETED)

    def say_goodbye(self) -> None:
        """The last thing that is said."""
        text = self._flow.goodbye(self._floor.manner.language)
        if text:
            self._say(text, Trigger.TIME_UP)
        else:
            self.hang_up()

    def _say(self, text: str, trigger: Trigger) -> None:
        floor = self._floor
        if text:
            floor.go(trigger)
            ends_call = trigger is Trigger.TIME_UP
            floor.out += self.mouth.say(floor.new_work(UNASKED), text, self._flow_state, ends_call)
            self._keep_place()

    def hang_up(self) -> None:
        self._floor.go(Trigger.HUNG_UP)
        self._floor.out.append(HangUp())

    # A reply is made and heard

    def take(self, event: on.FromReplyStages) -> None:
        if self.asides.knows(event.work):
            self._floor.out += self.asides.take(event)
            return
        ended = self.mouth.text_ended
        self._floor.out += self.mouth.take(event, self._floor.clock, self._floor.now)
        if self.mouth.text_ended is not ended:
            # Another shard need not think of it again.
            self._floor.changed = True

    def fill(self) -> None:
        """Covers a reply that is late."""
        filled = self.mouth.filled
        self._floor.out += self.mouth.fill(self._floor.clock, self._floor.now)
        if self.mouth.filled is not filled:
            self._floor.changed = True

    def carry_on(self, *, words_awaited: bool) -> None:
        floor = self._floor
        if self._prompt_due is not None and not words_awaited:
            due, self._prompt_due = self._prompt_due, None
            floor.out += self.mouth.ask(self.prompt(due.wish, due.entries))
        for call in self.mouth.take_calls():
            floor.history.tell(call)
        if self._away and not self.mouth.held:
            floor.out += self.mouth.hold(floor.now)
        commands, step = self.mouth.carry_on(floor.clock, floor.now, held=self._away or floor.state is State.HELD)
        floor.out += commands
        match step:
            case Step.BEGAN:
                floor.go(Trigger.REPLY_BEGAN)
                floor.clock = None
                self.turns += self.mouth.take_reports()
            case Step.HEARD | Step.EMPTY:
                floor.go(Trigger.REPLY_HEARD if step is Step.HEARD else Trigger.REPLY_EMPTY)
                floor.clock = None
                self._remember(over=True)
                if self.mouth.ends_call:
                    self.hang_up()
                self.mouth.forget()
            case None:
                pass

    def failed(self, event: on.StageFailed) -> None:
        floor = self._floor
        if self.asides.knows(event.work):
            floor.out += self.asides.fail(event)
        elif self.mouth.knows(event.work):
            item, kept = self.mouth.item, self.mouth.remembered(floor.now)
            commands, lost = self.mouth.fail(event, floor.now)
            floor.out += commands
            if lost:
                floor.clock = None
                for one, ledger in kept:
                    floor.history.tell(one, ledger)
                floor.history.forget_place(item)
                floor.go(Trigger.FAILED)

    # It stops

    def interrupt(self, reason: str = "turn_detected") -> None:
        """Silences the reply, if there is one; the history keeps what was heard of it."""
        if self.mouth.began:
            heard_ms, heard = self.mouth.heard(self._floor.now)
            self._floor.tell(Interrupted(self.mouth.turn or UNASKED, heard_ms, heard, self.mouth.told_by))
        self._remember(over=self.mouth.began)
        self.drop(reason)

    def stop(self) -> None:
        """The client wants no more of it."""
        self.interrupt("client_cancelled")
        self._floor.go(Trigger.STOPPED)

    def make_room(self) -> None:
        """All of the reply has been sent and it is still heard; the next one is heard after it."""
        if self._floor.state is State.SPEAKING:
            self._remember(over=True, whole=True)
            self.mouth.go_on_after(self._floor.now)
            self._floor.go(Trigger.STOPPED)

    def drop(self, reason: str = "turn_detected") -> None:
        self._prompt_due = None
        self._floor.history.forget_place(self.mouth.item)
        self._floor.out += self.mouth.drop(self._floor.now, reason)

    def drop_everything(self) -> None:
        self.drop()
        self._floor.out += self.asides.drop()

    def _keep_place(self) -> None:
        self._floor.history.open(Item(self.mouth.item, Message("assistant", "")))

    def _remember(self, *, over: bool, whole: bool = False) -> None:
        """Enters what was heard of the reply; one that is over has brought the call flow on, too."""
        history = self._floor.history
        for item, ledger in self.mouth.remembered(self._floor.now, whole=whole):
            history.tell(item, ledger)
        history.forget_place(self.mouth.item)
        if over and self.mouth.step is not None:
            self._flow_state = self.mouth.step.state
