"""The brain of one conversation: `handle(event, now)` gives the commands that should be obeyed, and does nothing else.

One turn, as data:

    SpeechBegan -> SpeechPaused -> Transcribe -> Transcribed -> SpeechEnded -> Think -> ReplyGrew -> Speak -> SpeechMade -> Play

Events go to one of its parts: the caller's side (pipeline.listening), ours (pipeline.answering), or what a client that keeps
items asks for (pipeline.requests). Here are the parts put together, and what comes by time or by typing.
"""

from typing import assert_never

from pipeline import events as on
from pipeline.answering import UNASKED, Answering
from pipeline.commands import Command
from pipeline.config import Config
from pipeline.errors import Fault
from pipeline.floor import Floor
from pipeline.flow import Flow
from pipeline.history import Item
from pipeline.latency import Latency, TurnClock
from pipeline.listening import Listening
from pipeline.manner import Manner
from pipeline.memento import Memento, Told
from pipeline.notices import Failed, Heard
from pipeline.ports import Message
from pipeline.quiet import Ask, Keys
from pipeline.requests import Requests
from pipeline.speculation import Books
from pipeline.states import State, Trigger
from pipeline.turn_taking import TurnModel

__all__ = ["UNASKED", "Conversation"]


class Conversation:
    """Decides everything for one caller."""

    def __init__(
        self, config: Config, flow_name: str, flow: Flow, manner: Manner, model: TurnModel | None = None, name: str = ""
    ) -> None:
        """`name` is part of the names of its items."""
        self._floor = Floor(config, manner, name)
        self._answering = Answering(self._floor, flow_name, flow)
        self._listening = Listening(self._floor, self._answering, model)
        self._requests = Requests(self._floor, self._listening, self._answering)
        self._keys = Keys(config.quiet)

    def handle(self, event: on.Event, now: float) -> list[Command]:
        floor = self._floor
        if self.over:
            return []
        floor.out, floor.now = [], now
        self._take(event)
        self._answering.carry_on(words_awaited=self._listening.beside.awaits_words)
        return floor.out

    def memento(self) -> Memento | None:
        """What has to be known to go on elsewhere; None when that was told already, or cannot be told while somebody speaks."""
        floor = self._floor
        if not floor.changed or self.over or not self._listening.at_rest:
            return None
        floor.changed = False
        flow_state, reply = self._answering.describe()
        pauses, since = self._listening.describe()
        numbers = (floor.now - floor.opened_at, floor.turn, floor.attempts, floor.history.named)
        quiet = (self._keys.pressed, floor.quiet.asked, floor.quiet.leaving)
        return Memento(floor.manner, *numbers, floor.history.kept(), flow_state, pauses, since, *quiet, reply)

    @property
    def unchanged(self) -> bool:
        """Whether the newest memento still tells all."""
        return not self._floor.changed and not self.over and self._listening.at_rest

    def restore(self, memento: Memento, told: Told, now: float) -> list[Command]:
        """Goes on where another conversation was left, which has told its client something since."""
        floor = self._floor
        floor.out, floor.now = [], now
        self._keys.restore(memento.keys, now)
        self._listening.restore(memento, told)
        self._answering.restore(memento, told)
        self._answering.carry_on(words_awaited=False)
        return floor.out

    def deadline(self) -> float | None:
        """When `TimePassed` is wanted, if nothing else happens before."""
        if self.over:
            return None
        floor, mouth = self._floor, self._answering.mouth
        filler_at = mouth.filler_at(floor.clock) if floor.state is State.THINKING else None
        times = (mouth.due(), filler_at, self._keys.due(), floor.quiet.due(floor.state))
        return min((time for time in times if time is not None), default=None)

    @property
    def state(self) -> State:
        return self._floor.state

    @property
    def manner(self) -> Manner:
        return self._floor.manner

    @property
    def over(self) -> bool:
        return self._floor.state is State.ENDED

    @property
    def piece_under_way(self) -> bool:
        return self._listening.piece_under_way

    @property
    def audio_needed_from(self) -> int | None:
        """Position from which the caller's audio may still be asked for; None when no turn needs any."""
        return self._listening.audio_needed_from

    @property
    def silence_ms(self) -> int:
        """How much silence ends the caller's speech now."""
        return self._listening.silence_ms

    @property
    def books(self) -> Books:
        return self._floor.books

    def take_reports(self) -> list[Latency]:
        """Reports of turns that were answered since this was last called."""
        reports, self._answering.turns = self._answering.turns, []
        return reports

    def server_is_under_load(self, loaded: bool) -> None:
        """Whether there is no time to spare for replies that may not be needed."""
        self._floor.under_load = loaded

    def _take(self, event: on.Event) -> None:
        match event:
            case on.SpeechBegan(at):
                self._listening.began(at)
            case on.SpeechGrew(upto, ms):
                self._listening.goes_on(upto, ms)
            case on.SpeechPaused(at, lowering):
                self._listening.paused(at, lowering)
            case on.SpeechResumed(after_ms):
                self._listening.resumed(after_ms)
            case on.SpeechEnded(at, heard_at):
                self._listening.stopped(at, heard_at)
            case on.PieceDue():
                self._listening.piece_due(event)
            case on.AudioDropped(ms):
                message = f"{ms} ms of speech were dropped: more was waiting for transcription than is kept"
                self._floor.tell(Failed("audio_dropped", message, Fault.SERVER))
            case on.Transcribed():
                self._listening.transcribed(event)
            case on.ReplyGrew() | on.CallGrew() | on.ReplyEnded() | on.SpeechMade() | on.PhraseEnded():
                self._answering.take(event)
            case on.StageFailed():
                if not self._listening.failed(event):
                    self._answering.failed(event)
            case on.TimePassed():
                self._time_passed()
            case _:
                self._ask(event)

    def _ask(self, event: on.FromCaller) -> None:
        """What callers do other than speak."""
        floor = self._floor
        match event:
            case on.Opened():
                floor.opened_at = floor.now
                floor.changed = True
                floor.quiet.begin(floor.now)
                if floor.manner.greets:
                    self._answering.greet()
            case on.Typed(text):
                self._typed(text)
            case on.KeyPressed(key):
                floor.quiet.heard(floor.now)
                floor.changed = True
                self._typed_keys(self._keys.press(key, floor.now))
            case on.StopAsked():
                self._listening.stop_asked()
            case on.Played(ms):
                self._answering.mouth.played(ms, floor.now)
            case on.WentAway():
                self._answering.pause()
            case on.CameBack():
                self._answering.go_on()
            case on.HungUp():
                self._drop_everything()
                floor.go(Trigger.HUNG_UP)
            case on.Adjusted(manner):
                self._requests.adjust(manner)
            case on.Committed(ref, at):
                self._requests.commit(ref, at)
            case on.Cleared(at):
                self._requests.clear(at)
            case on.ItemGiven() | on.ItemUnwanted() | on.ItemAsked() | on.ItemCut():
                self._requests.attend(event)
            case on.ReplyAsked():
                self._requests.reply(event)
            case on.ReplyUnwanted(ref, turn):
                self._requests.cancel(ref, turn)
            case _:
                assert_never(event)

    def _typed(self, text: str) -> None:
        floor = self._floor
        self._answering.interrupt()
        self._listening.drop()
        floor.quiet.heard(floor.now)
        turn, item = floor.new_turn(), floor.history.new_name()
        floor.clock = TurnClock(floor.now, floor.now)
        floor.go(Trigger.TYPED)
        floor.history.tell(Item(item, Message("user", text)))
        floor.tell(Heard(turn, text, True, floor.manner.language, None, floor.shown(item)))
        self._answering.answer(turn, item, text)

    def _typed_keys(self, keys: str) -> None:
        if keys:
            self._typed(keys)

    def _time_passed(self) -> None:
        floor = self._floor
        self._typed_keys(self._keys.ripe(floor.now))
        if floor.state is State.THINKING:
            self._answering.fill()
        match floor.quiet.ask(floor.state, floor.now):
            case Ask.THERE if floor.manner.keeps_items:
                self._requests.go_on_unasked()
            case Ask.THERE:
                self._answering.ask_whether_there()
            case Ask.GOODBYE:
                self._answering.interrupt()
                self._listening.drop()
                self._answering.say_goodbye()
            case Ask.END:
                self._drop_everything()
                self._answering.hang_up()
            case None:
                pass

    def _drop_everything(self) -> None:
        self._listening.drop_everything()
        self._answering.drop_everything()
