"""The brain of one conversation: `handle(event, now)` gives the commands that should be obeyed, and does nothing else.

One turn, as data:

    SpeechBegan -> SpeechPaused -> Transcribe -> Transcribed -> SpeechEnded -> Think -> ReplyGrew -> Speak -> SpeechMade -> Play

A pause is listened to ahead of the turn's end: its words say how much silence ends the turn, and when they look complete the
reply is prepared (pipeline.mouth) and released when the turn has ended. A caller who goes on speaking before the reply has
sounded had not finished: the turn is taken back, and its words become the beginning of the next one. A sound over the reply
holds it; real words end it, and the history keeps what was heard; anything else lets it go on from where it stopped.
"""

from dataclasses import dataclass
from typing import Any, assert_never

from pipeline import events as on
from pipeline.asides import MOST, Asides
from pipeline.audio import to_ms
from pipeline.backchannels import has_words, is_backchannel
from pipeline.beside import Beside
from pipeline.caller_turn import CallerTurn, Piece
from pipeline.commands import Abandon, Command, HangUp, Tell
from pipeline.config import Config
from pipeline.desk import attend
from pipeline.errors import ClientError, Fault
from pipeline.flow import Flow
from pipeline.history import History, Item
from pipeline.latency import Latency, TurnClock
from pipeline.manner import Manner
from pipeline.mouth import Mouth, Step
from pipeline.notices import (
    BufferCleared,
    CallerBegan,
    CallerStopped,
    Failed,
    Heard,
    Interrupted,
    NobodySpoke,
    Notice,
    Refused,
    TurnTaken,
)
from pipeline.ports import LISTENING_RATE, Entry, Message, Prompt, Transcript, Wish
from pipeline.quiet import Ask, Keys, Quiet
from pipeline.scribe import Scribe
from pipeline.speculation import Allowance, Books
from pipeline.states import State, Trigger, after
from pipeline.turn_taking import TurnModel, TurnTaking
from pipeline.work import Work

UNASKED = 0
"""The turn of what we say by ourselves: greeting, a question whether somebody is there, goodbye."""
_SURE_WORDS = 3
"""Words that are an interruption while they are still being said."""
_NEARLY_HEARD_MS = 600
"""What remains of a reply when 'yes' over it is an answer and no listening sound."""
_SHORTEST_TURN_MS = 100
"""Audio that a client may declare to be a turn."""
_ACTIVE = (
    "Conversation already has an active response in progress. Wait until the response is finished before creating a new one."
)
_EXPIRED = "Your session hit the maximum duration of this server. Please connect again."


@dataclass(frozen=True, slots=True)
class _PromptDue:
    """A reply that is asked for once all words are known."""

    wish: Wish
    entries: tuple[Entry, ...] | None


class Conversation:
    """Decides everything for one caller."""

    def __init__(
        self, config: Config, flow_name: str, flow: Flow, manner: Manner, model: TurnModel | None = None, name: str = ""
    ) -> None:
        """`name` is part of the names of its items."""
        self._config = config
        self._flow_name = flow_name
        self._flow = flow
        self.manner = manner
        self._model = model
        self._history = History(config.conversation.history_messages, name)
        self._flow_state: dict[str, Any] = {}
        self._asked = ""
        """The item of the caller's last turn."""
        self._prompt_due: _PromptDue | None = None
        self._since = 0
        """Position from which audio is in no turn."""
        self._number = UNASKED
        self._attempts = 0
        self._caller: CallerTurn | None = None
        self._clock: TurnClock | None = None
        self._taking = TurnTaking(manner.turn or config.turn, model)
        self._allowance = Allowance(config.speculation)
        self._quiet = Quiet(config.quiet, config.server.longest_conversation_s)
        self._keys = Keys(config.quiet)
        self.books = Books()
        self._quiet.adjust(manner)
        self._mouth = Mouth(config, manner, self.books, self._history.new_name)
        self._scribe = Scribe(config.budget, manner, self.books, self._new_work)
        self._beside = Beside(self._history, self._scribe)
        self._asides = Asides(config)
        self._out: list[Command] = []
        self._now = self._opened_at = 0.0
        self.state = State.LISTENING
        self.under_load = False
        """Whether the server has no time to spare for replies that may not be needed."""
        self.turns: list[Latency] = []
        """Reports of turns that were answered since somebody last took them."""

    def handle(self, event: on.Event, now: float) -> list[Command]:
        if self.over:
            return []
        self._out, self._now = [], now
        self._take(event)
        self._carry_on()
        return self._out

    def deadline(self) -> float | None:
        """When `TimePassed` is wanted, if nothing else happens before."""
        if self.over:
            return None
        filler_at = self._mouth.filler_at(self._clock) if self.state is State.THINKING else None
        times = (self._mouth.due(), filler_at, self._keys.due(), self._quiet.due(self.state))
        return min((time for time in times if time is not None), default=None)

    @property
    def over(self) -> bool:
        return self.state is State.ENDED

    @property
    def piece_under_way(self) -> bool:
        return self._caller is not None and self._caller.under_way

    @property
    def audio_needed_from(self) -> int | None:
        """Position from which the caller's audio may still be asked for; None when no turn needs any."""
        wanted = (
            None if self._caller is None else self._caller.needed_from,
            self._beside.needed_from,
            None if self.manner.detects else self._since,
        )
        return min((position for position in wanted if position is not None), default=None)

    @property
    def silence_ms(self) -> int:
        """How much silence ends the caller's speech now."""
        return self._taking.silence_ms

    def _take(self, event: on.Event) -> None:
        match event:
            case on.Opened():
                self._opened_at = self._now
                self._quiet.begin(self._now)
                if self.manner.greets:
                    self._say(self._flow.greeting(self.manner.language))
            case on.SpeechBegan(at):
                self._caller_began(at)
            case on.SpeechGrew(upto, ms):
                self._caller_goes_on(upto, ms)
            case on.SpeechPaused(at, lowering):
                self._caller_paused(at, lowering)
            case on.SpeechResumed(after_ms):
                self._caller_resumed(after_ms)
            case on.SpeechEnded(at, heard_at):
                self._caller_stopped(at, heard_at)
            case on.PieceDue(stop, pause):
                self._out += self._beside.piece_due(stop, self._expected)
                if self.state is State.HEARING and self._caller is not None:
                    self._transcribe(self._caller, stop)
                if pause is not None:
                    self._caller_paused(pause.at, pause.lowering)
            case on.AudioDropped(ms):
                message = f"{ms} ms of speech were dropped: transcription does not keep up"
                self._tell(Failed("audio_dropped", message, Fault.SERVER))
            case on.Typed(text):
                self._typed(text)
            case on.KeyPressed(key):
                self._quiet.heard(self._now)
                self._typed_keys(self._keys.press(key, self._now))
            case on.StopAsked():
                self._stop_asked()
            case on.Played(ms):
                self._mouth.played(ms, self._now)
            case on.HungUp():
                self._drop_everything()
                self._go(Trigger.HUNG_UP)
            case on.Transcribed():
                self._transcribed(event)
            case on.ReplyGrew() | on.CallGrew() | on.ReplyEnded() | on.SpeechMade() | on.PhraseEnded():
                if self._asides.knows(event.work):
                    self._out += self._asides.take(event)
                else:
                    self._out += self._mouth.take(event, self._clock, self._now)
            case on.StageFailed():
                self._failed(event)
            case on.TimePassed():
                self._time_passed()
            case on.Adjusted(manner):
                self._adjust(manner)
            case on.Committed(ref, at):
                self._committed(ref, at)
            case on.Cleared(at):
                self._cleared(at)
            case on.ItemGiven() | on.ItemUnwanted() | on.ItemAsked() | on.ItemCut():
                self._attend(event)
            case on.ReplyAsked():
                self._reply_asked(event)
            case on.ReplyUnwanted(ref, turn):
                self._reply_unwanted(ref, turn)
            case _:
                assert_never(event)

    # The caller speaks

    def _caller_began(self, at: int) -> None:
        caller = self._caller
        if self.state is State.HELD and caller is not None:
            # Another sound, while the words of the first are awaited.
            caller.ended, caller.paused_at = False, None
            self._tell(CallerBegan(to_ms(at, LISTENING_RATE), self._shown(caller.item)))
            return
        turn = CallerTurn(self._number + 1, at, item=self._history.new_name())
        trigger = Trigger.CALLER_BEGAN
        match self.state:
            case State.THINKING | State.SPEAKING if not self.manner.interrupts:
                self._beside.speaking = turn
                trigger = None
            case State.TRANSCRIBING if caller is not None and self.manner.keeps_items:
                self._out += self._beside.take_over(caller)
                self._out += self._mouth.discard(self._now)
            case State.TRANSCRIBING if caller is not None:
                self._abandon(caller.work)
                caller.ask_again()
                self._out += self._mouth.discard(self._now)
                turn.start, turn.before = caller.start, caller.before
            case State.THINKING if self._mouth.turn != UNASKED and not self.manner.keeps_items:
                turn.before = self._history.forget(self._asked)
                self._drop_reply()
            case State.SPEAKING if self._config.interruption.hold and not self.manner.keeps_items:
                self._out += self._mouth.hold(self._now)
                trigger = Trigger.SOUND
            case _:
                self._interrupt()
        self._number += 1
        self._quiet.heard(self._now)
        if trigger is not None:
            self._caller = turn
            self._clock = None
            self._taking.no_words()
            self._go(trigger)
        self._tell(CallerBegan(to_ms(at, LISTENING_RATE), self._shown(turn.item)))

    def _caller_goes_on(self, upto: int, ms: int) -> None:
        caller = self._caller
        if caller is None:
            return
        asked = caller.attempt
        if self.state is State.HELD:
            if ms >= self._config.interruption.sure_ms:
                self._interrupted(caller)
            elif asked is None or asked.transcript is not None:
                self._try(caller, upto)
        elif self.state is State.HEARING and self._config.turn.partial_every_ms:
            since = asked.stop if asked is not None else caller.start
            free = asked is None or asked.transcript is not None
            if free and to_ms(upto - since, LISTENING_RATE) >= self._config.turn.partial_every_ms:
                self._try(caller, upto)

    def _caller_paused(self, at: int, lowering: float | None) -> None:
        caller = self._caller
        if caller is None or self.state not in (State.HEARING, State.HELD):
            return
        caller.paused_at = at
        self._taking.paused(lowering)
        if at <= caller.start:
            self._words_so_far(caller)
        elif self.state is State.HELD or self._taking.follows_words or self._may_speculate:
            self._try(caller, at)

    def _caller_resumed(self, after_ms: int) -> None:
        if self._caller is None:
            return
        self._caller.paused_at = None
        self._taking.went_on(after_ms)
        self._out += self._mouth.discard(self._now)

    def _caller_stopped(self, at: int, heard_at: float) -> None:
        beside = self._beside.speaking
        if beside is not None:
            self._tell(CallerStopped(to_ms(at, LISTENING_RATE), beside.item))
            self._write_down(beside, at)
            if self.manner.answers and self.state is State.LISTENING:
                self._begin_reply(beside.number, self.manner.wish)
            return
        caller = self._caller
        # A typed turn may have taken over while the caller was speaking.
        if caller is None or self.state not in (State.HEARING, State.HELD):
            return
        self._tell(CallerStopped(to_ms(at, LISTENING_RATE), self._shown(caller.item)))
        self._clock = TurnClock(heard_at, self._now)
        caller.ended, caller.paused_at = True, at
        if self.state is State.HELD:
            if caller.attempt is None or caller.attempt.stop < at:
                self._try(caller, at)
            self._look_at_sound(caller)
        else:
            self._end_turn(caller, at)

    def _end_turn(self, caller: CallerTurn, at: int) -> None:
        self._go(Trigger.CALLER_STOPPED)
        self._take_turn(caller, at)
        attempt = caller.attempt
        if attempt is not None and attempt.stop >= at:
            caller.add(attempt)
        elif at > caller.start:
            self._transcribe(caller, at)
        self._words_complete(caller)

    # Words

    def _try(self, caller: CallerTurn, upto: int) -> None:
        self._out += self._scribe.so_far(caller, upto, self._expected)

    def _transcribe(self, caller: CallerTurn, stop: int) -> None:
        self._out += self._scribe.piece(caller, stop, self._expected)

    def _transcribed(self, event: on.Transcribed) -> None:
        self._out += self._beside.transcribed(event)
        caller = self._caller
        piece = None if caller is None else caller.find(event.work)
        if caller is None or piece is None:
            return
        piece.transcript = event.transcript
        self._mouth.did.extend(event.did)
        if self._clock is not None:
            self._clock.spent("asr", event.took_s, self._now)
        if self.state is State.HELD:
            self._look_at_sound(caller)
        elif self.state is State.HEARING:
            self._words_so_far(caller)
        else:
            self._words_complete(caller)

    def _words_so_far(self, caller: CallerTurn) -> None:
        piece = caller.newest
        newest = None if piece is None else piece.transcript
        # While a piece is awaited, words that follow it say nothing.
        if piece is None or newest is None or caller.under_way:
            return
        words = caller.words()
        sure = caller.partials.push(words)
        if sure:
            self._tell(Heard(caller.number, sure, False, newest.language, newest.confidence, self._shown(caller.item)))
        if caller.paused_at is None or not caller.known_to_pause:
            return
        spoken_s = (caller.paused_at - piece.start) / LISTENING_RATE
        complete = self._taking.words(words, newest, self.manner.language, self._expected, spoken_s)
        enough = complete >= self._config.speculation.complete_enough
        if enough and words and self._may_speculate and self._allowance.take(caller.number, self._now):
            prompt = self._prompt(words)
            self._out += self._mouth.prepare(self._new_work(caller.number), words, prompt, self._now)

    def _words_complete(self, caller: CallerTurn) -> None:
        if self.state is not State.TRANSCRIBING or caller.under_way:
            return
        words = caller.words()
        newest = caller.pieces[-1].transcript if caller.pieces else None
        newest = newest or Transcript("", self.manner.language)
        self._tell(Heard(caller.number, words, True, newest.language, newest.confidence, self._shown(caller.item)))
        self._caller = None
        if words or self.manner.keeps_items:
            self._history.tell(Item(caller.item, Message("user", words), spoken=True))
        if words and self.manner.answers:
            self._go(Trigger.WORDS_KNOWN)
            self._answer(caller.number, caller.item, words)
            return
        self._clock = None
        self._out += self._mouth.discard(self._now)
        self._go(Trigger.UNANSWERED if words else Trigger.NO_WORDS)

    def _look_at_sound(self, caller: CallerTurn) -> None:
        """Was the sound over the reply an interruption?"""
        words = caller.words()
        listening = is_backchannel(words, self.manner.language) and self._mouth.remaining_ms(self._now) > _NEARLY_HEARD_MS
        # Half a word may be heard as another, so a sound that goes on has to be several words.
        sure = caller.paused_at is not None or len(words.split()) >= _SURE_WORDS
        if sure and has_words(words) and not listening:
            self._interrupted(caller)
        elif caller.ended and not caller.work:
            self._sound_was_nothing()

    def _interrupted(self, caller: CallerTurn) -> None:
        self._interrupt()
        self._go(Trigger.INTERRUPTED)
        if caller.ended:
            self._end_turn(caller, caller.paused_at or caller.start)
        else:
            self._words_so_far(caller)

    def _sound_was_nothing(self) -> None:
        self._caller = self._clock = None
        self._number -= 1
        self._go(Trigger.NO_WORDS)
        self._out += self._mouth.go_on(self._now)

    # The caller types, presses keys, wants silence

    def _typed(self, text: str) -> None:
        self._interrupt()
        self._drop_caller()
        self._quiet.heard(self._now)
        self._number += 1
        self._clock = TurnClock(self._now, self._now)
        self._go(Trigger.TYPED)
        item = self._history.new_name()
        self._history.tell(Item(item, Message("user", text)))
        self._tell(Heard(self._number, text, True, self.manner.language, None, self._shown(item)))
        self._answer(self._number, item, text)

    def _typed_keys(self, keys: str) -> None:
        if keys:
            self._typed(keys)

    def _stop_asked(self) -> None:
        if self.state is State.HELD and self._caller is not None:
            self._interrupted(self._caller)
            return
        if self.state is State.TRANSCRIBING:
            self._drop_caller()
        self._interrupt()
        self._go(Trigger.STOPPED)

    def _time_passed(self) -> None:
        self._typed_keys(self._keys.ripe(self._now))
        if self.state is State.THINKING:
            self._out += self._mouth.fill(self._clock, self._now)
        match self._quiet.ask(self.state, self._now):
            case Ask.THERE if self.manner.keeps_items:
                self._go_on_unasked()
            case Ask.THERE:
                self._say(self._flow.reprompt(self.manner.language))
            case Ask.GOODBYE:
                self._interrupt()
                self._drop_caller()
                self._say(self._flow.goodbye(self.manner.language), Trigger.TIME_UP)
            case Ask.END:
                if self.manner.keeps_items:
                    self._tell(Failed("session_expired", _EXPIRED, Fault.CLIENT))
                self._drop_everything()
                self._hang_up()
            case None:
                pass

    # The reply

    def _answer(self, turn: int, item: str, words: str) -> None:
        self._asked = item
        released = self._mouth.release(words, self._now)
        if released is None:
            self._out += self._mouth.discard(self._now)
            self._out += self._mouth.begin(self._new_work(turn), self.manner.wish)
            self._out += self._mouth.ask(self._prompt())
        else:
            self._out += released
        self._keep_place()

    def _prompt(self, words: str = "") -> Prompt:
        """The conversation so far, and words that are not known for sure to be part of it."""
        entries = self._history.entries()
        if words:
            entries = (*entries, Message("user", words))
        return Prompt(entries, self.manner.language, self._flow_name, self._flow_state, self.manner.wish)

    def _begin_reply(self, turn: int, wish: Wish, ref: str = "", entries: tuple[Entry, ...] | None = None) -> None:
        """A reply to whatever will have been said once all words of turns that have ended are known."""
        self._out += self._mouth.begin(self._new_work(turn), wish, ref)
        self._keep_place()
        self._prompt_due = _PromptDue(wish, entries)
        self._go(Trigger.ASKED)

    def _ask_when_words_are_known(self) -> None:
        due = self._prompt_due
        if due is None or self._beside.awaits_words:
            return
        self._prompt_due = None
        if self.state is State.THINKING:
            self._out += self._mouth.ask(self._prompt_for(due.wish, due.entries))

    def _prompt_for(self, wish: Wish, entries: tuple[Entry, ...] | None) -> Prompt:
        known = self._history.entries() if entries is None else entries
        return Prompt(known, self.manner.language, self._flow_name, self._flow_state, wish)

    def _keep_place(self) -> None:
        self._history.open(Item(self._mouth.item, Message("assistant", "")))

    def _say(self, text: str, trigger: Trigger = Trigger.GREETED) -> None:
        """Something that nobody asked for; once the time is up it is the last thing."""
        ends_call = trigger is Trigger.TIME_UP
        if text:
            self._go(trigger)
            self._out += self._mouth.say(self._new_work(UNASKED), text, self._flow_state, ends_call)
            self._keep_place()
        elif ends_call:
            self._hang_up()

    def _carry_on(self) -> None:
        self._ask_when_words_are_known()
        for call in self._mouth.take_calls():
            self._history.tell(call)
        commands, step = self._mouth.carry_on(self._clock, self._now, held=self.state is State.HELD)
        self._out += commands
        match step:
            case Step.BEGAN:
                self._go(Trigger.REPLY_BEGAN)
                self._clock = None
                self.turns += self._mouth.take_reports()
            case Step.HEARD | Step.EMPTY:
                self._go(Trigger.REPLY_HEARD if step is Step.HEARD else Trigger.REPLY_EMPTY)
                self._clock = None
                self._remember(over=True)
                if self._mouth.ends_call:
                    self._hang_up()
                self._mouth.forget()
            case None:
                pass

    def _interrupt(self, reason: str = "turn_detected") -> None:
        """Silences the reply, if there is one; the history keeps what was heard of it."""
        if self._mouth.began:
            heard_ms, heard = self._mouth.heard(self._now)
            self._tell(Interrupted(self._mouth.turn or UNASKED, heard_ms, heard, self._mouth.told_by))
        self._remember(over=self._mouth.began)
        self._drop_reply(reason)

    def _remember(self, *, over: bool) -> None:
        """Enters what was heard of the reply; one that is over has brought the call flow on, too."""
        for item, ledger in self._mouth.remembered(self._now):
            self._history.tell(item, ledger)
        self._history.forget_place(self._mouth.item)
        if over and self._mouth.step is not None:
            self._flow_state = self._mouth.step.state

    def _drop_reply(self, reason: str = "turn_detected") -> None:
        self._prompt_due = None
        self._history.forget_place(self._mouth.item)
        self._out += self._mouth.drop(self._now, reason)

    # A client that keeps items

    def _adjust(self, manner: Manner) -> None:
        before, self.manner = self.manner, manner
        self._mouth.manner = self._scribe.manner = manner
        self._out += self._mouth.discard(self._now)
        self._quiet.adjust(manner)
        if manner.turn != before.turn:
            self._taking = TurnTaking(manner.turn or self._config.turn, self._model)
        if before.detects and not manner.detects:
            self._forget_speech()

    def _committed(self, ref: str, at: int) -> None:
        caller = self._beside.speaking or (self._caller if self.state is State.HEARING else None)
        start = self._since if caller is None else caller.start
        if to_ms(at - start, LISTENING_RATE) < _SHORTEST_TURN_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_SHORTEST_TURN_MS}ms of audio, but buffer only has {max(to_ms(at - start, LISTENING_RATE), 0)}ms of audio."
            )
            self._tell(Refused(ref, "input_audio_buffer_commit_empty", message))
            return
        if caller is None:
            self._number += 1
            caller = CallerTurn(self._number, start, item=self._history.new_name())
        elif caller is self._caller:
            self._caller = None
            self._go(Trigger.SET_ASIDE)
        self._quiet.heard(self._now)
        self._write_down(caller, at)

    def _cleared(self, at: int) -> None:
        self._forget_speech()
        self._since = at
        self._tell(BufferCleared())

    def _forget_speech(self) -> None:
        """What is being said now is no turn."""
        self._beside.speaking = None
        if self.state is State.HEARING:
            self._drop_caller()
            self._out += self._mouth.discard(self._now)
            self._go(Trigger.SET_ASIDE)

    def _take_turn(self, caller: CallerTurn, stop: int) -> None:
        """A turn has ended, and becomes an item."""
        self._since = stop
        if self.manner.keeps_items:
            self._history.open(Item(caller.item, Message("user", ""), spoken=True))
            self._tell(TurnTaken(caller.item, to_ms(stop - caller.start, LISTENING_RATE)))

    def _write_down(self, caller: CallerTurn, stop: int) -> None:
        self._take_turn(caller, stop)
        self._out += self._beside.write(caller, stop, self._expected)

    def _attend(self, event: on.ItemGiven | on.ItemUnwanted | on.ItemAsked | on.ItemCut) -> None:
        if isinstance(event, on.ItemUnwanted | on.ItemCut) and event.id and event.id == self._mouth.item:
            self._stop_reply()
        self._out += attend(self._history, event)
        if isinstance(event, on.ItemGiven) and event.pcm and self._history.knows(event.item.id):
            self._number += 1
            turn = CallerTurn(self._number, self._since, item=event.item.id)
            self._out += self._beside.write_given(turn, event.pcm, self._expected)

    def _reply_asked(self, event: on.ReplyAsked) -> None:
        answering = self.state is State.TRANSCRIBING and self.manner.answers
        if event.aside and self._asides.full:
            self._tell(
                Refused(event.ref, "rate_limit_exceeded", f"At most {MOST} responses outside of the conversation at a time.")
            )
            return
        if not event.aside and (self._mouth.active or answering):
            self._tell(Refused(event.ref, "conversation_already_has_active_response", _ACTIVE))
            return
        try:
            entries = None if event.entries is None else self._history.resolve(event.entries)
        except ClientError as error:
            self._tell(Refused(event.ref, error.code, error.message, "response.input"))
            return
        self._number += 1
        if event.aside:
            prompt = self._prompt_for(event.wish, entries)
            item = self._history.new_name()
            self._out += self._asides.begin(self._new_work(self._number), prompt, self.manner, item, event.ref)
            return
        self._make_room()
        self._begin_reply(self._number, event.wish, event.ref, entries)

    def _make_room(self) -> None:
        """A reply that is still heard is over, and a turn of the caller is only written down: another reply begins."""
        if self.state is State.SPEAKING:
            self._remember(over=True)
            self._mouth.go_on_after(self._now)
            self._go(Trigger.STOPPED)
        self._set_aside()

    def _set_aside(self) -> None:
        caller, self._caller = self._caller, None
        if caller is None:
            return
        if self.state is State.HEARING:
            self._beside.speaking = caller
        else:
            self._out += self._beside.take_over(caller)
        self._out += self._mouth.discard(self._now)
        self._go(Trigger.SET_ASIDE)

    def _reply_unwanted(self, ref: str, turn: int | None) -> None:
        if turn is not None and turn in self._asides.turns():
            self._out += self._asides.stop(turn)
        elif self.state is State.TRANSCRIBING and self.manner.answers and turn is None:
            self._set_aside()
        elif self._mouth.active and turn in (None, self._mouth.turn):
            self._stop_reply()
        else:
            self._tell(Refused(ref, "response_cancel_not_active", "Cancellation failed: no active response found"))

    def _stop_reply(self) -> None:
        self._interrupt("client_cancelled")
        self._go(Trigger.STOPPED)

    def _go_on_unasked(self) -> None:
        """The caller has said nothing for too long."""
        item, stop_ms = self._history.new_name(), round(1000 * (self._now - self._opened_at))
        start_ms = max(stop_ms - self.manner.idle_ms, 0)
        self._history.tell(Item(item, Message("user", ""), spoken=True))
        self._tell(NobodySpoke(start_ms, stop_ms, item))
        self._tell(TurnTaken(item, stop_ms - start_ms))
        self._number += 1
        self._begin_reply(self._number, self.manner.wish)

    # Ends

    def _failed(self, event: on.StageFailed) -> None:
        caller = self._caller
        piece = None if caller is None else caller.find(event.work)
        if caller is not None and piece is not None:
            self._transcription_failed(caller, piece, event)
        elif self._beside.knows(event):
            self._out += self._beside.failed(event)
        elif self._asides.knows(event.work):
            self._out += self._asides.fail(event)
        elif self._mouth.knows(event.work):
            item = self._mouth.item
            commands, lost = self._mouth.fail(event, self._now)
            self._out += commands
            if lost:
                self._clock = None
                self._history.forget_place(item)
                self._go(Trigger.FAILED)

    def _transcription_failed(self, caller: CallerTurn, piece: Piece, event: on.StageFailed) -> None:
        if piece is caller.attempt:
            # It was ahead of its time: the end of the turn asks again.
            caller.attempt = None
            if self.state is State.HELD and caller.ended:
                self._sound_was_nothing()
            return
        self._tell(Failed(event.code, event.message, event.fault, self._shown(caller.item)))
        self._abandon(caller.work)
        if self.state is State.HEARING:
            caller.ask_again()
        else:
            self._caller = self._clock = None
            self._out += self._mouth.discard(self._now)
            self._go(Trigger.FAILED)

    def _drop_caller(self) -> None:
        if self._caller is not None:
            self._abandon(self._caller.work)
            self._caller = None

    def _drop_everything(self) -> None:
        self._drop_caller()
        self._drop_reply()
        self._out += [*self._beside.drop(), *self._asides.drop()]

    def _hang_up(self) -> None:
        self._go(Trigger.HUNG_UP)
        self._out.append(HangUp())

    @property
    def _expected(self) -> tuple[str, ...]:
        """What the flow expects to hear in this place."""
        if not self.manner.foreseen:
            return ()
        return self._flow.expected(self.manner.language, self._flow_state)

    @property
    def _may_speculate(self) -> bool:
        return self._config.conversation.speculation and not self.under_load

    def _shown(self, item: str) -> str:
        """The name of an item, for clients that keep items."""
        return item if self.manner.keeps_items else ""

    def _new_work(self, turn: int) -> Work:
        self._attempts += 1
        return Work(turn, self._attempts)

    def _abandon(self, work: list[Work]) -> None:
        self._out += [Abandon(one) for one in work]

    def _go(self, trigger: Trigger) -> None:
        self.state = after(self.state, trigger)
        if self.state is State.LISTENING:
            self._quiet.rest(self._now)

    def _tell(self, notice: Notice) -> None:
        self._out.append(Tell(notice))
