"""The caller's side of a conversation: when they speak, what they say, and what becomes of it.

A pause is listened to ahead of the turn's end: its words say how much silence ends the turn, and when they look complete the
reply is prepared. A caller who goes on speaking before the reply has sounded had not finished: the turn is taken back, and its
words become the beginning of the next one. A sound over the reply holds it; real words end it, and anything else lets it go on
from where it stopped. For clients that keep items a turn that has ended stays as it was told, and any speech ends the reply,
or none does: then it is written down beside it (pipeline.beside).
"""

from pipeline import events as on
from pipeline.answering import UNASKED, Answering
from pipeline.audio import to_ms
from pipeline.backchannels import has_words, is_backchannel
from pipeline.beside import Beside
from pipeline.caller_turn import CallerTurn, Piece
from pipeline.floor import Floor
from pipeline.history import Item
from pipeline.latency import TurnClock
from pipeline.memento import Memento, Told
from pipeline.notices import CallerBegan, CallerStopped, Failed, Heard, TurnTaken
from pipeline.ports import LISTENING_RATE, Message, Transcript
from pipeline.scribe import Scribe
from pipeline.speculation import Allowance
from pipeline.states import State, Trigger
from pipeline.turn_taking import TurnModel, TurnTaking

_SURE_WORDS = 3
"""Words that are an interruption while they are still being said."""
_NEARLY_HEARD_MS = 600
"""What remains of a reply when 'yes' over it is an answer and no listening sound."""


class Listening:
    def __init__(self, floor: Floor, answering: Answering, model: TurnModel | None) -> None:
        self._floor = floor
        self._answering = answering
        self._model = model
        self._caller: CallerTurn | None = None
        self._taking = TurnTaking(floor.manner.turn or floor.config.turn, model)
        self._allowance = Allowance(floor.config.speculation)
        self._scribe = Scribe(floor.config.budget, floor.manner, floor.books, floor.new_work)
        self.beside = Beside(floor.history, self._scribe)
        self._since = 0
        """Position from which audio is in no turn."""
        self._again_upto = 0
        """Position up to which audio was heard before, elsewhere."""

    @property
    def caller(self) -> CallerTurn | None:
        """The turn that is being spoken, wherever it is heard."""
        return self.beside.speaking or (self._caller if self._floor.state is State.HEARING else None)

    @property
    def piece_under_way(self) -> bool:
        return self._caller is not None and self._caller.under_way

    @property
    def audio_needed_from(self) -> int | None:
        """Position from which the caller's audio may still be asked for; None when no turn needs any."""
        wanted = (
            None if self._caller is None else self._caller.needed_from,
            self.beside.needed_from,
            None if self._floor.manner.detects else self._since,
        )
        return min((position for position in wanted if position is not None), default=None)

    @property
    def silence_ms(self) -> int:
        """How much silence ends the caller's speech now."""
        return self._taking.silence_ms

    def adjust(self, *, other_rules: bool) -> None:
        manner = self._scribe.manner = self._floor.manner
        if other_rules:
            self._taking = TurnTaking(manner.turn or self._floor.config.turn, self._model)

    # It goes on elsewhere

    @property
    def at_rest(self) -> bool:
        """Whether nobody speaks and no words are awaited."""
        return self._caller is None and self.beside.speaking is None and not self.beside.awaits_words

    def describe(self) -> tuple[tuple[int, ...], int]:
        """The caller's own pauses, and from where audio is in no turn."""
        return self._taking.pauses, self._since

    def restore(self, memento: Memento, told: Told) -> None:
        self._again_upto = told.again[1]
        self._taking.know_pauses(memento.pauses)
        self._since = memento.since

    # The caller speaks

    def began(self, at: int) -> None:
        floor, caller = self._floor, self._caller
        if floor.state is State.HELD and caller is not None:
            # Another sound, while the words of the first are awaited.
            caller.ended, caller.paused_at = False, None
            floor.tell(CallerBegan(to_ms(at, LISTENING_RATE), floor.shown(caller.item)))
            return
        turn = CallerTurn(floor.turn + 1, at, item=floor.history.new_name())
        if floor.state in (State.THINKING, State.SPEAKING) and not floor.manner.interrupts:
            self.beside.speaking = turn
        else:
            trigger = self._take_floor(turn)
            self._caller = turn
            floor.clock = None
            self._taking.no_words()
            floor.go(trigger)
        floor.new_turn()
        floor.quiet.heard(floor.now)
        floor.tell(CallerBegan(to_ms(at, LISTENING_RATE), floor.shown(turn.item)))

    def _take_floor(self, turn: CallerTurn) -> Trigger:
        """Makes the caller the one who speaks."""
        floor, caller = self._floor, self._caller
        keeps_items = floor.manner.keeps_items
        match floor.state:
            case State.TRANSCRIBING if caller is not None and keeps_items:
                floor.out += self.beside.take_over(caller)
                self._answering.discard()
            case State.TRANSCRIBING if caller is not None:
                floor.abandon(caller.work)
                caller.ask_again()
                self._answering.discard()
                turn.start, turn.before = caller.start, caller.before
            case State.THINKING if self._answering.mouth.turn != UNASKED and not keeps_items:
                turn.before = self._answering.take_back()
            case State.SPEAKING if floor.config.interruption.hold and not keeps_items:
                floor.out += self._answering.mouth.hold(floor.now)
                return Trigger.SOUND
            case _:
                self._answering.interrupt()
        return Trigger.CALLER_BEGAN

    def goes_on(self, upto: int, ms: int) -> None:
        caller = self._caller
        if caller is None:
            return
        asked = caller.attempt
        every_ms = self._floor.config.turn.partial_every_ms
        if self._floor.state is State.HELD:
            if ms >= self._floor.config.interruption.sure_ms:
                self._interrupted(caller)
            elif asked is None or asked.transcript is not None:
                self._try(caller, upto)
        elif self._floor.state is State.HEARING and every_ms:
            since = asked.stop if asked is not None else caller.start
            free = asked is None or asked.transcript is not None
            if free and to_ms(upto - since, LISTENING_RATE) >= every_ms:
                self._try(caller, upto)

    def paused(self, at: int, lowering: float | None) -> None:
        caller = self._caller
        if caller is None or self._floor.state not in (State.HEARING, State.HELD):
            return
        caller.paused_at = at
        again = at < self._again_upto and self._floor.state is State.HEARING
        self._taking.paused(lowering, patiently=again)
        if at <= caller.start:
            self._words_so_far(caller)
        elif self._floor.state is State.HELD or self._taking.follows_words or self._may_speculate:
            self._try(caller, at)

    def resumed(self, after_ms: int) -> None:
        if self._caller is None:
            return
        self._caller.paused_at = None
        self._taking.went_on(after_ms)
        self._answering.discard()

    def stopped(self, at: int, heard_at: float) -> None:
        floor, caller = self._floor, self._caller
        if self.beside.speaking is not None:
            self._stopped_beside(self.beside.speaking, at)
            return
        # A typed turn may have taken over while the caller was speaking.
        if caller is None or floor.state not in (State.HEARING, State.HELD):
            return
        floor.tell(CallerStopped(to_ms(at, LISTENING_RATE), floor.shown(caller.item)))
        floor.clock = TurnClock(heard_at, floor.now)
        caller.ended, caller.paused_at = True, at
        if floor.state is State.HELD:
            if caller.attempt is None or caller.attempt.stop < at:
                self._try(caller, at)
            self._look_at_sound(caller)
        else:
            self._end_turn(caller, at)

    def _stopped_beside(self, turn: CallerTurn, at: int) -> None:
        floor = self._floor
        floor.tell(CallerStopped(to_ms(at, LISTENING_RATE), floor.shown(turn.item)))
        self.write_down(turn, at)
        if floor.manner.answers and floor.state is State.LISTENING:
            self._answering.begin(turn.number, floor.manner.wish)

    def piece_due(self, event: on.PieceDue) -> None:
        expected = self._answering.expected
        self._floor.out += self.beside.piece_due(event.stop, expected)
        if self._floor.state is State.HEARING and self._caller is not None:
            self._floor.out += self._scribe.piece(self._caller, event.stop, expected)
        if event.pause is not None:
            self.paused(event.pause.at, event.pause.lowering)

    def _end_turn(self, caller: CallerTurn, at: int) -> None:
        self._floor.go(Trigger.CALLER_STOPPED)
        self._become_item(caller, at)
        attempt = caller.attempt
        if attempt is not None and attempt.stop >= at:
            caller.add(attempt)
        elif at > caller.start:
            self._floor.out += self._scribe.piece(caller, at, self._answering.expected)
        self._words_complete(caller)

    def _become_item(self, caller: CallerTurn, stop: int) -> None:
        """A turn has ended; clients that keep items are told of it before its words are known."""
        self._since = stop
        self._floor.changed = True
        if self._floor.manner.keeps_items:
            self._floor.history.open(Item(caller.item, Message("user", ""), spoken=True))
            self._floor.tell(TurnTaken(caller.item, to_ms(stop - caller.start, LISTENING_RATE)))

    # Words

    def _try(self, caller: CallerTurn, upto: int) -> None:
        self._floor.out += self._scribe.so_far(caller, upto, self._answering.expected)

    def transcribed(self, event: on.Transcribed) -> None:
        floor, caller = self._floor, self._caller
        floor.out += self.beside.transcribed(event)
        piece = None if caller is None else caller.find(event.work)
        if caller is None or piece is None:
            return
        piece.transcript = event.transcript
        self._answering.mouth.did.extend(event.did)
        if floor.clock is not None:
            floor.clock.spent("asr", event.took_s, floor.now)
        if floor.state is State.HELD:
            self._look_at_sound(caller)
        elif floor.state is State.HEARING:
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
            self._tell_heard(caller, sure, newest, final=False)
        if caller.paused_at is None or not caller.known_to_pause:
            return
        floor = self._floor
        spoken_s = (caller.paused_at - piece.start) / LISTENING_RATE
        complete = self._taking.words(words, newest, floor.manner.language, self._answering.expected, spoken_s)
        enough = complete >= floor.config.speculation.complete_enough
        if enough and words and self._may_speculate and self._allowance.take(caller.number, floor.now):
            self._answering.prepare(caller.number, words)

    def _words_complete(self, caller: CallerTurn) -> None:
        floor = self._floor
        if floor.state is not State.TRANSCRIBING or caller.under_way:
            return
        words = caller.words()
        newest = caller.pieces[-1].transcript if caller.pieces else None
        self._tell_heard(caller, words, newest or Transcript("", floor.manner.language), final=True)
        self._caller = None
        if words or floor.manner.keeps_items:
            floor.history.tell(Item(caller.item, Message("user", words), spoken=True))
        if words and floor.manner.answers:
            floor.go(Trigger.WORDS_KNOWN)
            self._answering.answer(caller.number, caller.item, words)
            return
        floor.clock = None
        self._answering.discard()
        floor.go(Trigger.UNANSWERED if words else Trigger.NO_WORDS)

    def _tell_heard(self, caller: CallerTurn, words: str, newest: Transcript, *, final: bool) -> None:
        item = self._floor.shown(caller.item)
        self._floor.tell(Heard(caller.number, words, final, newest.language, newest.confidence, item))

    @property
    def _may_speculate(self) -> bool:
        floor = self._floor
        return floor.config.conversation.speculation and floor.manner.answers and not floor.under_load

    # A sound over the reply

    def _look_at_sound(self, caller: CallerTurn) -> None:
        """Was it an interruption?"""
        words = caller.words()
        remaining_ms = self._answering.mouth.remaining_ms(self._floor.now)
        listening = is_backchannel(words, self._floor.manner.language) and remaining_ms > _NEARLY_HEARD_MS
        # Half a word may be heard as another, so a sound that goes on has to be several words.
        sure = caller.paused_at is not None or len(words.split()) >= _SURE_WORDS
        if sure and has_words(words) and not listening:
            self._interrupted(caller)
        elif caller.ended and not caller.work:
            self._sound_was_nothing()

    def _interrupted(self, caller: CallerTurn) -> None:
        self._answering.interrupt()
        self._floor.go(Trigger.INTERRUPTED)
        if caller.ended:
            self._end_turn(caller, caller.paused_at or caller.start)
        else:
            self._words_so_far(caller)

    def _sound_was_nothing(self) -> None:
        floor = self._floor
        self._caller = floor.clock = None
        floor.turn -= 1
        floor.go(Trigger.NO_WORDS)
        floor.out += self._answering.mouth.go_on(floor.now)

    def stop_asked(self) -> None:
        """The caller wants silence."""
        if self._floor.state is State.HELD and self._caller is not None:
            self._interrupted(self._caller)
            return
        if self._floor.state is State.TRANSCRIBING:
            self.drop()
        self._answering.interrupt()
        self._floor.go(Trigger.STOPPED)

    # Turns that are only written down

    def _give_up_caller(self) -> CallerTurn | None:
        """What is being spoken is handled by whoever asks for it here."""
        caller = self.caller
        if caller is not None and caller is self._caller:
            self._caller = None
            self._answering.discard()
            self._floor.go(Trigger.SET_ASIDE)
        return caller

    @property
    def since(self) -> int:
        """Position from which audio would be in a turn that is declared now."""
        caller = self.caller
        return self._since if caller is None else caller.start

    def declare(self, at: int) -> None:
        """The client says that a turn ends there."""
        floor = self._floor
        caller = self._give_up_caller() or CallerTurn(floor.new_turn(), self._since, item=floor.history.new_name())
        floor.quiet.heard(floor.now)
        self.write_down(caller, at)

    def write_down(self, caller: CallerTurn, stop: int) -> None:
        self._become_item(caller, stop)
        self._floor.out += self.beside.write(caller, stop, self._answering.expected)

    def write_given(self, item: str, pcm: bytes) -> None:
        """Words are wanted of audio that the client gave as an item."""
        turn = CallerTurn(self._floor.new_turn(), self._since, item=item)
        self._floor.out += self.beside.write_given(turn, pcm, self._answering.expected)

    def set_aside(self) -> None:
        """Something else begins: a turn under way is only written down."""
        caller, self._caller = self._caller, None
        if caller is None:
            return
        if self._floor.state is State.HEARING:
            self.beside.speaking = caller
        else:
            self._floor.out += self.beside.take_over(caller)
        self._answering.discard()
        self._floor.go(Trigger.SET_ASIDE)

    def forget_speech(self, at: int | None = None) -> None:
        """What is being said now is no turn, and all audio before `at` in none."""
        self.beside.speaking = None
        if at is not None:
            self._since = at
            self._floor.changed = True
        if self._floor.state is State.HEARING:
            self.drop()
            self._answering.discard()
            self._floor.go(Trigger.SET_ASIDE)

    # Ends

    def failed(self, event: on.StageFailed) -> bool:
        """Whether it was recognition that failed, and was needed."""
        floor, caller = self._floor, self._caller
        piece = None if caller is None else caller.find(event.work)
        if caller is not None and piece is not None:
            self._transcription_failed(caller, piece, event)
            return True
        if self.beside.knows(event):
            floor.out += self.beside.failed(event)
            return True
        return False

    def _transcription_failed(self, caller: CallerTurn, piece: Piece, event: on.StageFailed) -> None:
        floor = self._floor
        if piece is caller.attempt:
            # It was ahead of its time: the end of the turn asks again.
            caller.attempt = None
            if floor.state is State.HELD and caller.ended:
                self._sound_was_nothing()
            return
        floor.tell(Failed(event.code, event.message, event.fault, floor.shown(caller.item)))
        floor.abandon(caller.work)
        if floor.state is State.HEARING:
            caller.ask_again()
        else:
            self._caller = floor.clock = None
            self._answering.discard()
            floor.go(Trigger.FAILED)

    def drop(self) -> None:
        """The present turn is none."""
        if self._caller is not None:
            self._floor.abandon(self._caller.work)
            self._caller = None

    def drop_everything(self) -> None:
        self.drop()
        self._floor.out += self.beside.drop()
