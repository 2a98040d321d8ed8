"""The brain of one conversation: `handle(event, now)` gives the commands that should be obeyed, and does nothing else.

One turn, as data:

    SpeechBegan -> SpeechPaused -> Transcribe -> Transcribed -> SpeechEnded -> Think -> ReplyGrew -> Speak -> SpeechMade -> Play

A pause is listened to ahead of the turn's end: its words say how much silence ends the turn, and when they look complete the
reply is prepared (pipeline.mouth) and released when the turn has ended. A caller who goes on speaking before the reply has
sounded had not finished: the turn is taken back, and its words become the beginning of the next one. A sound over the reply
holds it; real words end it, and the history keeps what was heard; anything else lets it go on from where it stopped.
"""

from typing import Any, assert_never

from pipeline import events as on
from pipeline.audio import to_ms
from pipeline.backchannels import has_words, is_backchannel
from pipeline.caller_turn import CallerTurn, Piece
from pipeline.commands import Abandon, Command, HangUp, Tell
from pipeline.config import Config
from pipeline.errors import Fault
from pipeline.flow import Flow
from pipeline.history import History, Item
from pipeline.latency import Latency, TurnClock
from pipeline.mouth import Mouth, Step
from pipeline.notices import CallerBegan, CallerStopped, Failed, Heard, Interrupted, Notice
from pipeline.ports import LISTENING_RATE, Message, Prompt, Transcript
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


class Conversation:
    """Decides everything for one caller."""

    def __init__(
        self, config: Config, flow_name: str, flow: Flow, language: str, out_rate: int, model: TurnModel | None = None
    ) -> None:
        self._config = config
        self._flow_name = flow_name
        self._flow = flow
        self._language = language
        self._history = History(config.conversation.history_messages)
        self._flow_state: dict[str, Any] = {}
        self._asked = ""
        """The item of the caller's last turn."""
        self._number = UNASKED
        self._attempts = 0
        self._caller: CallerTurn | None = None
        self._clock: TurnClock | None = None
        self._taking = TurnTaking(config.turn, model)
        self._allowance = Allowance(config.speculation)
        self._quiet = Quiet(config.quiet, config.server.longest_conversation_s)
        self._keys = Keys(config.quiet)
        self.books = Books()
        self._mouth = Mouth(config, language, out_rate, self.books)
        self._scribe = Scribe(config.budget, language, self.books, self._new_work)
        self._out: list[Command] = []
        self._now = 0.0
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
        return None if self._caller is None else self._caller.needed_from

    @property
    def silence_ms(self) -> int:
        """How much silence ends the caller's speech now."""
        return self._taking.silence_ms

    def _take(self, event: on.Event) -> None:
        match event:
            case on.Opened():
                self._quiet.begin(self._now)
                if self._config.conversation.greeting:
                    self._say(self._flow.greeting(self._language))
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
            case on.ReplyGrew() | on.ReplyEnded() | on.SpeechMade() | on.PhraseEnded():
                self._out += self._mouth.take(event, self._clock, self._now)
            case on.StageFailed():
                self._failed(event)
            case on.TimePassed():
                self._time_passed()
            case _:
                assert_never(event)

    # The caller speaks

    def _caller_began(self, at: int) -> None:
        caller = self._caller
        if self.state is State.HELD and caller is not None:
            # Another sound, while the words of the first are awaited.
            caller.ended, caller.paused_at = False, None
            self._tell(CallerBegan(to_ms(at, LISTENING_RATE)))
            return
        turn = CallerTurn(self._number + 1, at)
        trigger = Trigger.CALLER_BEGAN
        match self.state:
            case State.TRANSCRIBING if caller is not None:
                self._abandon(caller.work)
                caller.ask_again()
                self._out += self._mouth.discard(self._now)
                turn.start, turn.before = caller.start, caller.before
            case State.THINKING if self._mouth.turn != UNASKED:
                turn.before = self._history.forget(self._asked)
                self._out += self._mouth.drop(self._now)
            case State.SPEAKING if self._config.interruption.hold:
                self._out += self._mouth.hold(self._now)
                trigger = Trigger.SOUND
            case _:
                self._interrupt()
        self._number += 1
        self._quiet.heard(self._now)
        self._caller = turn
        self._clock = None
        self._taking.no_words()
        self._go(trigger)
        self._tell(CallerBegan(to_ms(at, LISTENING_RATE)))

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
        caller = self._caller
        # A typed turn may have taken over while the caller was speaking.
        if caller is None or self.state not in (State.HEARING, State.HELD):
            return
        self._tell(CallerStopped(to_ms(at, LISTENING_RATE)))
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
            self._tell(Heard(caller.number, sure, False, newest.language, newest.confidence))
        if caller.paused_at is None or not caller.known_to_pause:
            return
        spoken_s = (caller.paused_at - piece.start) / LISTENING_RATE
        complete = self._taking.words(words, newest, self._language, self._expected, spoken_s)
        enough = complete >= self._config.speculation.complete_enough
        if enough and words and self._may_speculate and self._allowance.take(caller.number, self._now):
            prompt = self._prompt(words)
            self._out += self._mouth.prepare(self._new_work(caller.number), words, prompt, self._now)

    def _words_complete(self, caller: CallerTurn) -> None:
        if self.state is not State.TRANSCRIBING or caller.under_way:
            return
        words = caller.words()
        newest = caller.pieces[-1].transcript if caller.pieces else None
        newest = newest or Transcript("", self._language)
        self._tell(Heard(caller.number, words, True, newest.language, newest.confidence))
        self._caller = None
        if not words:
            self._clock = None
            self._out += self._mouth.discard(self._now)
            self._go(Trigger.NO_WORDS)
            return
        self._go(Trigger.WORDS_KNOWN)
        self._answer(caller.number, words)

    def _look_at_sound(self, caller: CallerTurn) -> None:
        """Was the sound over the reply an interruption?"""
        words = caller.words()
        listening = is_backchannel(words, self._language) and self._mouth.remaining_ms(self._now) > _NEARLY_HEARD_MS
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
        self._tell(Heard(self._number, text, True, self._language, None))
        self._answer(self._number, text)

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
            case Ask.THERE:
                self._say(self._flow.reprompt(self._language))
            case Ask.GOODBYE:
                self._interrupt()
                self._drop_caller()
                self._say(self._flow.goodbye(self._language), Trigger.TIME_UP)
            case Ask.END:
                self._drop_everything()
                self._hang_up()
            case None:
                pass

    # The reply

    def _answer(self, turn: int, words: str) -> None:
        prompt = self._prompt(words)
        self._asked = self._history.new_name()
        self._history.tell(Item(self._asked, Message("user", words)))
        released = self._mouth.release(words, self._now)
        if released is None:
            self._out += self._mouth.discard(self._now)
            self._out += self._mouth.think(self._new_work(turn), prompt)
        else:
            self._out += released

    def _prompt(self, words: str) -> Prompt:
        messages = (*self._history.entries(), Message("user", words))
        return Prompt(messages, self._language, self._flow_name, self._flow_state)

    def _say(self, text: str, trigger: Trigger = Trigger.GREETED) -> None:
        """Something that nobody asked for; once the time is up it is the last thing."""
        ends_call = trigger is Trigger.TIME_UP
        if text:
            self._go(trigger)
            self._out += self._mouth.say(self._new_work(UNASKED), text, self._flow_state, ends_call)
        elif ends_call:
            self._hang_up()

    def _carry_on(self) -> None:
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
                self._remember()
                if self._mouth.ends_call:
                    self._hang_up()
                self._mouth.forget()
            case None:
                pass

    def _interrupt(self) -> None:
        """Silences the reply, if there is one; the history keeps what was heard of it."""
        if self._mouth.began:
            heard_ms, heard = self._mouth.heard(self._now)
            self._remember()
            self._tell(Interrupted(self._mouth.turn or UNASKED, heard_ms, heard, self._mouth.told_by))
        self._out += self._mouth.drop(self._now)

    def _remember(self) -> None:
        _, heard = self._mouth.heard(self._now)
        if heard:
            whole = self._mouth.ends_with(heard)
            self._history.tell(Item(self._history.new_name(), Message("assistant", heard), True, whole))
        if self._mouth.step is not None:
            self._flow_state = self._mouth.step.state

    # Ends

    def _failed(self, event: on.StageFailed) -> None:
        caller = self._caller
        piece = None if caller is None else caller.find(event.work)
        if caller is not None and piece is not None:
            self._transcription_failed(caller, piece, event)
        elif self._mouth.knows(event.work):
            commands, lost = self._mouth.fail(event.work, self._now)
            self._out += commands
            if lost is not None:
                self._tell(Failed(event.code, event.message, event.fault))
            if lost:
                self._clock = None
                self._go(Trigger.FAILED)

    def _transcription_failed(self, caller: CallerTurn, piece: Piece, event: on.StageFailed) -> None:
        if piece is caller.attempt:
            # It was ahead of its time: the end of the turn asks again.
            caller.attempt = None
            if self.state is State.HELD and caller.ended:
                self._sound_was_nothing()
            return
        self._tell(Failed(event.code, event.message, event.fault))
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
        self._out += self._mouth.drop(self._now)

    def _hang_up(self) -> None:
        self._go(Trigger.HUNG_UP)
        self._out.append(HangUp())

    @property
    def _expected(self) -> tuple[str, ...]:
        """What the flow expects to hear in this place."""
        return self._flow.expected(self._language, self._flow_state)

    @property
    def _may_speculate(self) -> bool:
        return self._config.conversation.speculation and not self.under_load

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
