"""A brain driven by hand, event by event: time passes only when a test says so.

Whole conversations, with an ear and stages that answer by themselves, are told in `dialogues/`.
"""

from collections.abc import Sequence
from typing import TypeVar

from pipeline import events as on
from pipeline.commands import Command, Play, Speak, Tell, Think, Transcribe
from pipeline.conversation import Conversation
from pipeline.errors import Fault
from pipeline.flow import load_flow
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import Notice
from pipeline.ports import LISTENING_RATE, FlowStep, Message, Transcript, Word
from pipeline.states import State
from pipeline.work import Work

RATE = 8_000
"""Samples a second that the client hears."""
SILENCE_MS = 500
"""What the ear waits before it says that a turn has ended; the default of `turn.silence_ms`."""

TAIL = 3_200
"""Samples of silence behind the last sound that recognition gets too."""
PLAIN = ("conversation.speculation=off", "turn.detection=server_vad", "interruption.hold=off")
"""Turns as they are without anything that looks ahead; tests that want more say so."""

_LONG_S = 60.0
"""What is due later than that is nothing that a test waits for."""

C = TypeVar("C")


class Talk:
    """One caller and the brain that answers; stages answer when the test lets them."""

    def __init__(self, *overrides: str, greeting: bool = False, language: str = "en", manner: Manner | None = None) -> None:
        self.config = load_config(None, [*PLAIN, *overrides], {})
        self.flow = load_flow(self.config.flows_dir, "clinic")
        self.brain = Conversation(self.config, "clinic", self.flow, manner or Manner(language, RATE, greets=greeting))
        self.now = 0.0
        self.commands: list[Command] = []
        self._taken = 0
        self.do(on.Opened())

    def do(self, event: on.Event) -> list[Command]:
        commands = self.brain.handle(event, self.now)
        self.commands += commands
        return commands

    def wait(self, ms: float) -> None:
        """Lets time pass, and wakes the conversation whenever it asked for it."""
        until = self.now + ms / 1000
        while (due := self.brain.deadline()) is not None and due <= until + 1e-9:
            self.now = max(self.now, due)
            self.do(on.TimePassed())
        self.now = until

    def listen(self) -> None:
        """Lets time pass until the reply has been heard, or waits for a stage."""
        while (due := self.brain.deadline()) is not None and due < self.now + _LONG_S:
            self.wait(max(due - self.now, 0) * 1000)

    # The caller

    @property
    def position(self) -> int:
        """How many samples the caller has sent by now."""
        return round(self.now * LISTENING_RATE)

    def speech_began(self) -> None:
        self.do(on.SpeechBegan(self.position))

    def speech_ended(self, silence_ms: int = SILENCE_MS) -> None:
        """The caller falls silent now, and the ear is sure of it a while later."""
        at, heard_at = self.position, self.now
        self.wait(silence_ms)
        self.do(on.SpeechEnded(at, heard_at))

    def speaks(self, ms: int = 1_000) -> None:
        """A whole turn of speech, without what is made of it."""
        self.speech_began()
        self.wait(ms)
        self.speech_ended()

    def says(self, text: str) -> None:
        """A whole turn of speech, and its words."""
        self.speaks()
        self.transcribed(text)

    def types(self, text: str) -> None:
        self.do(on.Typed(text))

    def asks_to_stop(self) -> None:
        self.do(on.StopAsked())

    def hangs_up(self) -> None:
        self.do(on.HungUp())

    def has_played(self, ms: int) -> None:
        self.do(on.Played(ms))

    def piece_due(self) -> None:
        self.do(on.PieceDue(self.position))

    # The stages

    def transcribed(self, text: str, asked: Transcribe | None = None, took_ms: int = 0) -> None:
        """The answer to a `Transcribe`, the latest one as a rule."""
        asked = asked or self.all(Transcribe)[-1]
        self.wait(took_ms)
        self.do(on.Transcribed(asked.work, Transcript(text, asked.language, 0.9), took_ms / 1000))

    def grows(self, phrase: str, work: Work | None = None, took_ms: int = 0) -> None:
        """The language model has thought of one more phrase."""
        self.wait(took_ms)
        self.do(on.ReplyGrew(work or self.thinking, phrase, took_ms / 1000))

    def reply_ends(self, step: FlowStep | None = None, work: Work | None = None) -> None:
        self.do(on.ReplyEnded(work or self.thinking, step))

    def reply(self, *phrases: str, step: FlowStep | None = None, took_ms: int = 0) -> None:
        """All of what the language model has to say."""
        for phrase in phrases:
            self.grows(phrase, took_ms=took_ms)
            took_ms = 0
        self.reply_ends(step)

    def audio(self, ms: int, words: Sequence[Word] = (), asked: Speak | None = None, took_ms: int = 0) -> None:
        """A piece of the speech of a phrase; its samples tell the turn, so that a test knows whose audio is played."""
        asked = asked or self.all(Speak)[-1]
        self.wait(took_ms)
        self.do(on.SpeechMade(asked.work, asked.index, sound(asked.work.turn, ms), tuple(words), took_ms / 1000))

    def phrase_ends(self, asked: Speak | None = None) -> None:
        asked = asked or self.all(Speak)[-1]
        self.do(on.PhraseEnded(asked.work, asked.index))

    def spoken(self, ms: int) -> None:
        """All of the speech of the latest phrase."""
        self.audio(ms)
        self.phrase_ends()

    def fails(self, work: Work | None = None) -> None:
        """A stage gives up on some work, the latest one as a rule."""
        self.do(on.StageFailed(work or self.work, "provider_timeout", "it did not answer in time", Fault.PROVIDER))

    # What came of it

    @property
    def work(self) -> Work:
        """What was asked of a stage last."""
        return self.all(Think, Transcribe, Speak)[-1].work

    @property
    def thinking(self) -> Work:
        """What the language model was asked last."""
        return self.all(Think)[-1].work

    @property
    def state(self) -> State:
        return self.brain.state

    def take(self) -> list[Command]:
        """The commands since this was last asked."""
        taken = self.commands[self._taken :]
        self._taken = len(self.commands)
        return taken

    def all(self, *kinds: type[C]) -> list[C]:
        """The commands or notices of some kinds, in order."""
        return [thing for thing in [*self.commands, *self.notices()] if isinstance(thing, kinds)]

    def notices(self) -> list[Notice]:
        return [command.notice for command in self.commands if isinstance(command, Tell)]

    def played_ms(self) -> int:
        return sum(len(command.pcm) for command in self.commands if isinstance(command, Play)) * 1000 // (2 * RATE)

    def prompt(self) -> tuple[Message, ...]:
        """What the language model was last told of the conversation."""
        return self.all(Think)[-1].prompt.messages


def sound(turn: int, ms: int) -> bytes:
    return turn.to_bytes(2, "little") * (ms * RATE // 1000)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def in_speaking(*overrides: str, ms: int = 1_000) -> Talk:
    """A conversation in which the reply to turn 1 sounds, and `ms` of it were made."""
    talk = in_thinking(*overrides)
    talk.grows("We are open today.")
    talk.audio(ms)
    return talk


def in_held(*overrides: str) -> Talk:
    talk = in_speaking("interruption.hold=on", *overrides)
    talk.wait(300)
    talk.speech_began()
    return talk


def in_thinking(*overrides: str) -> Talk:
    talk = Talk(*overrides)
    talk.says("Are you open?")
    return talk


def in_transcribing(*overrides: str) -> Talk:
    talk = Talk(*overrides)
    talk.speaks()
    return talk


def in_hearing(*overrides: str) -> Talk:
    talk = Talk(*overrides)
    talk.speech_began()
    talk.wait(1_000)
    return talk


def in_ended(*overrides: str) -> Talk:
    talk = Talk(*overrides)
    talk.hangs_up()
    return talk


IN_STATE = {
    State.LISTENING: Talk,
    State.HEARING: in_hearing,
    State.TRANSCRIBING: in_transcribing,
    State.THINKING: in_thinking,
    State.SPEAKING: in_speaking,
    State.HELD: in_held,
    State.ENDED: in_ended,
}
"""How a conversation gets into each state."""
