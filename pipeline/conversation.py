"""The brain of one conversation: `handle(event, now)` gives the commands that should be obeyed, and does nothing else.

One turn, as data:

    SpeechBegan -> SpeechEnded -> Transcribe -> Transcribed -> Think -> ReplyGrew... -> Speak -> SpeechMade... -> Play

A turn has a number, given when the caller begins to speak or types. Work that was asked for carries it, results that carry
another number are too late and are dropped. A caller who goes on speaking before the reply has sounded had not finished: the
turn is taken back, and its words become the beginning of the next one. A caller who speaks over the reply stops it, and the
history keeps what was heard.
"""

from dataclasses import dataclass, field
from typing import Any, assert_never

from pipeline import events as on
from pipeline.audio import to_ms
from pipeline.commands import Abandon, Command, HangUp, Play, Tell, Think, Transcribe
from pipeline.config import Config
from pipeline.errors import Fault
from pipeline.flow import Flow
from pipeline.history import History
from pipeline.latency import Latency, TurnClock
from pipeline.notices import (
    AudioDone,
    AudioStarted,
    CallerBegan,
    CallerStopped,
    Failed,
    Heard,
    Interrupted,
    Notice,
    Said,
    TurnReport,
)
from pipeline.phrasing import Phraser
from pipeline.ports import LISTENING_RATE, Prompt, Transcript
from pipeline.reply import Reply
from pipeline.states import State, Trigger, after

GREETING_TURN = 0


@dataclass(slots=True)
class CallerTurn:
    """What the caller says in one turn: pieces of audio, and the words of those that came back."""

    number: int
    start: int
    """Position where the audio begins that has not been asked to be transcribed."""
    before: str = ""
    """Words from a turn that turned out not to have ended."""
    pieces: int = 0
    """How many pieces were ever asked; numbers are not used twice, so that a late answer is known to be one."""
    asked: dict[int, int] = field(default_factory=lambda: {})
    """Where each piece begins that is still of use."""
    known: dict[int, Transcript] = field(default_factory=lambda: {})

    @property
    def under_way(self) -> bool:
        return len(self.known) < len(self.asked)

    @property
    def needed_from(self) -> int:
        """Position before which the audio of this turn has become words."""
        missing = [start for piece, start in self.asked.items() if piece not in self.known]
        return min([self.start, *missing])

    @property
    def newest(self) -> Transcript | None:
        return self.known[max(self.known)] if self.known else None

    def words(self) -> str:
        heard = [self.known[piece].text for piece in sorted(self.known)]
        return " ".join(text for text in [self.before, *heard] if text)

    def ask(self, stop: int) -> tuple[int, int]:
        """The number of the piece that ends here, and where it begins."""
        piece, start = self.pieces, self.start
        self.asked[piece] = start
        self.pieces += 1
        self.start = stop
        return piece, start

    def ask_again(self) -> None:
        """Forgets what was asked and did not come back, so that it is asked once more with what follows."""
        self.start, self.before = self.needed_from, self.words_until_gap()
        self.asked, self.known = {}, {}

    def words_until_gap(self) -> str:
        """The words before the first piece that has not come back."""
        heard: list[str] = [self.before]
        for piece in self.asked:
            if piece not in self.known:
                break
            heard.append(self.known[piece].text)
        return " ".join(text for text in heard if text)


class Conversation:
    """Decides everything for one caller."""

    def __init__(self, config: Config, flow_name: str, flow: Flow, language: str, out_rate: int) -> None:
        self._config = config
        self._flow_name = flow_name
        self._flow = flow
        self._language = language
        self._out_rate = out_rate
        self._history = History(config.conversation.history_messages)
        self._flow_state: dict[str, Any] = {}
        self._number = GREETING_TURN
        self._caller: CallerTurn | None = None
        self._clock: TurnClock | None = None
        self._reply: Reply | None = None
        self._out: list[Command] = []
        self.state = State.LISTENING
        self.turns: list[Latency] = []
        """Reports of turns that were answered since somebody last took them."""

    def handle(self, event: on.Event, now: float) -> list[Command]:
        if self.state is State.ENDED:
            return []
        self._out = []
        self._take(event, now)
        if self._reply is not None:
            self._carry_on(self._reply, now)
        return self._out

    def deadline(self) -> float | None:
        """When `TimePassed` is wanted, if nothing else happens before."""
        return None if self._reply is None else self._reply.due()

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

    def _take(self, event: on.Event, now: float) -> None:
        match event:
            case on.Opened():
                self._greet()
            case on.SpeechBegan(at):
                self._caller_began(at, now)
            case on.SpeechEnded(at, heard_at):
                self._caller_stopped(at, heard_at, now)
            case on.PieceDue(stop):
                if self.state is State.HEARING and self._caller is not None:
                    self._transcribe(self._caller, stop)
            case on.AudioDropped(ms):
                message = f"{ms} ms of speech were dropped: transcription does not keep up"
                self._tell(Failed("audio_dropped", message, Fault.SERVER))
            case on.Typed(text):
                self._typed(text, now)
            case on.StopAsked():
                self._stop_asked(now)
            case on.Played(ms):
                if self._reply is not None:
                    self._reply.playout.played(ms, now)
            case on.HungUp():
                self._drop_everything()
                self._go(Trigger.HUNG_UP)
            case on.Transcribed():
                self._transcribed(event, now)
            case on.ReplyGrew() | on.ReplyEnded() | on.SpeechMade() | on.PhraseEnded():
                if self._reply is not None and self._reply.turn == event.turn and not self._reply.given_up:
                    self._reply_event(self._reply, event)
            case on.StageFailed():
                self._failed(event, now)
            case on.TimePassed():
                pass
            case _:
                assert_never(event)

    # The caller

    def _greet(self) -> None:
        text = self._flow.greeting(self._language) if self._config.conversation.greeting else ""
        if text:
            self._go(Trigger.GREETED)
            self._reply = reply = self._new_reply(GREETING_TURN)
            phraser = Phraser(self._language)
            for phrase in [*phraser.push(text), *phraser.flush()]:
                self._reply_event(reply, on.ReplyGrew(GREETING_TURN, phrase, 0.0))
            self._reply_event(reply, on.ReplyEnded(GREETING_TURN, None))

    def _caller_began(self, at: int, now: float) -> None:
        self._number += 1
        turn = CallerTurn(self._number, at)
        match self.state:
            case State.TRANSCRIBING if self._caller is not None:
                self._caller.ask_again()
                turn.start, turn.before = self._caller.start, self._caller.before
                self._out.append(Abandon(self._caller.number))
            case State.THINKING if self._reply is not None and self._reply.turn != GREETING_TURN:
                turn.before = self._history.take_back()
                self._drop_reply()
            case _:
                self._interrupt(now)
        self._caller = turn
        self._clock = None
        self._go(Trigger.CALLER_BEGAN)
        self._tell(CallerBegan(to_ms(at, LISTENING_RATE)))

    def _caller_stopped(self, at: int, heard_at: float, now: float) -> None:
        # A typed turn may have taken over while the caller was speaking.
        if self.state is not State.HEARING or self._caller is None:
            return
        self._tell(CallerStopped(to_ms(at, LISTENING_RATE)))
        self._clock = TurnClock(heard_at, now)
        self._go(Trigger.CALLER_STOPPED)
        # A piece that was cut in the pause may hold all of it already.
        if at > self._caller.start:
            self._transcribe(self._caller, at)
        elif not self._caller.under_way:
            self._heard(self._caller, self._caller.newest or Transcript("", self._language))

    def _transcribe(self, turn: CallerTurn, stop: int) -> None:
        piece, start = turn.ask(stop)
        expected = self._flow.expected(self._language, self._flow_state)
        self._out.append(Transcribe(turn.number, piece, start, stop, self._language, expected))

    def _transcribed(self, event: on.Transcribed, now: float) -> None:
        turn = self._caller
        if turn is None or turn.number != event.turn or event.piece not in turn.asked:
            return
        turn.known[event.piece] = event.transcript
        if self._clock is not None:
            # A piece may have been under way for long when the turn ended; only what came after kept the caller waiting.
            self._clock.asr_s = min(event.took_s, now - self._clock.ended_at)
        self._heard(turn, event.transcript)

    def _heard(self, turn: CallerTurn, newest: Transcript) -> None:
        final = self.state is State.TRANSCRIBING and not turn.under_way
        self._tell(Heard(turn.number, turn.words(), final, newest.language, newest.confidence))
        if not final:
            return
        self._caller = None
        if turn.words():
            self._go(Trigger.WORDS_KNOWN)
            self._think(turn.words())
        else:
            self._go(Trigger.NO_WORDS)

    def _typed(self, text: str, now: float) -> None:
        self._interrupt(now)
        if self._caller is not None:
            self._out.append(Abandon(self._caller.number))
            self._caller = None
        self._number += 1
        self._clock = TurnClock(now, now)
        self._go(Trigger.TYPED)
        self._tell(Heard(self._number, text, True, self._language, None))
        self._think(text)

    def _stop_asked(self, now: float) -> None:
        if self.state is State.TRANSCRIBING and self._caller is not None:
            self._out.append(Abandon(self._caller.number))
            self._caller = None
        self._interrupt(now)
        self._go(Trigger.STOPPED)

    # The reply

    def _think(self, text: str) -> None:
        self._history.caller_said(text)
        self._reply = self._new_reply(self._number)
        prompt = Prompt(self._history.messages(), self._language, self._flow_name, self._flow_state)
        self._out.append(Think(self._number, prompt))

    def _new_reply(self, turn: int) -> Reply:
        return Reply(turn, self._language, self._config, self._out_rate)

    def _reply_event(self, reply: Reply, event: on.ReplyGrew | on.ReplyEnded | on.SpeechMade | on.PhraseEnded) -> None:
        match event:
            case on.ReplyGrew(_, phrase, took_s):
                if self._clock is not None and not reply.text:
                    self._clock.llm_s = took_s
                reply.grow(phrase)
                self._tell(Said(reply.turn, reply.text, final=False))
            case on.ReplyEnded(_, step):
                reply.end_text(step)
                self._tell(Said(reply.turn, reply.text, final=True))
            case on.SpeechMade(_, phrase, pcm, words, took_s):
                if self._clock is not None and not reply.began and not reply.playout.made:
                    self._clock.tts_s = took_s
                reply.speech(phrase, pcm, words)
            case on.PhraseEnded(_, phrase):
                reply.end_phrase(phrase)
            case _:
                assert_never(event)

    def _carry_on(self, reply: Reply, now: float) -> None:
        """Does what is due: speaks the next phrase, sends audio, notices the end."""
        speak = reply.next_phrase(now)
        if speak is not None:
            self._out.append(speak)
        reply.close_if_complete()
        pcm = reply.playout.take(now)
        if pcm:
            self._sound(reply, pcm, now)
        if reply.playout.all_sent and not reply.all_sent_told:
            reply.all_sent_told = True
            if reply.began:
                self._tell(AudioDone(reply.turn, to_ms(reply.playout.sent, self._out_rate)))
        if reply.playout.heard_out(now):
            self._reply_over(reply, now)

    def _sound(self, reply: Reply, pcm: bytes, now: float) -> None:
        if not reply.began:
            reply.began = True
            self._go(Trigger.REPLY_BEGAN)
            self._tell(AudioStarted(reply.turn))
        self._out.append(Play(pcm))
        if self._clock is not None:
            latency = self._clock.report(now)
            self._clock = None
            self.turns.append(latency)
            self._tell(TurnReport(reply.turn, latency))

    def _reply_over(self, reply: Reply, now: float) -> None:
        """All that was made has been heard, or there was nothing to hear."""
        self._reply = self._clock = None
        self._history.we_said(reply.playout.heard_text(now))
        self._go(Trigger.REPLY_HEARD if reply.began else Trigger.REPLY_EMPTY)
        self._remember(reply)
        if reply.step is not None and reply.step.ends_call:
            self._go(Trigger.HUNG_UP)
            self._out.append(HangUp())

    def _interrupt(self, now: float) -> None:
        """Silences the reply, if there is one; the history keeps what was heard of it."""
        reply = self._reply
        if reply is None:
            return
        if reply.began:
            heard = reply.playout.heard_text(now)
            self._history.we_said(heard)
            self._remember(reply)
            self._tell(Interrupted(reply.turn, reply.playout.heard_ms(now), heard))
        self._drop_reply()

    def _remember(self, reply: Reply) -> None:
        if reply.step is not None:
            self._flow_state = reply.step.state

    def _drop_reply(self) -> None:
        if self._reply is not None:
            self._out.append(Abandon(self._reply.turn))
            self._reply = None

    def _drop_everything(self) -> None:
        if self._caller is not None:
            self._out.append(Abandon(self._caller.number))
            self._caller = None
        self._drop_reply()

    def _failed(self, event: on.StageFailed, now: float) -> None:
        caller, reply = self._caller, self._reply
        if caller is not None and caller.number == event.turn:
            self._tell(Failed(event.code, event.message, event.fault))
            self._out.append(Abandon(caller.number))
            if self.state is State.HEARING:
                caller.ask_again()
            else:
                self._caller = None
                self._go(Trigger.FAILED)
        elif reply is not None and reply.turn == event.turn:
            self._tell(Failed(event.code, event.message, event.fault))
            if reply.began:
                self._out.append(Abandon(reply.turn))
                reply.give_up()
            else:
                self._drop_reply()
                self._go(Trigger.FAILED)

    def _go(self, trigger: Trigger) -> None:
        self.state = after(self.state, trigger)

    def _tell(self, notice: Notice) -> None:
        self._out.append(Tell(notice))
