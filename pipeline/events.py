"""All that can happen to a conversation. Results of stages carry the number of the turn that they belong to."""

from dataclasses import dataclass

from pipeline.errors import Fault
from pipeline.ports import FlowStep, Transcript, Word


@dataclass(frozen=True, slots=True)
class Opened:
    """The caller is there."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    at: int
    """Position in the caller's audio, in samples."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    at: int
    """Position in the caller's audio, in samples."""
    heard_at: float
    """When that sample arrived here."""


@dataclass(frozen=True, slots=True)
class PieceDue:
    """So much speech has gathered that a piece should be transcribed before the turn ends."""

    stop: int
    """Position where the piece ends."""


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Speech had to be let go before it could be transcribed."""

    ms: int


@dataclass(frozen=True, slots=True)
class Typed:
    text: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The caller wants the reply to stop."""


@dataclass(frozen=True, slots=True)
class Played:
    """The client says how much of the present reply has been played."""

    ms: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller said goodbye or is gone."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    turn: int
    piece: int
    transcript: Transcript
    took_s: float


@dataclass(frozen=True, slots=True)
class ReplyGrew:
    """The next phrase of the reply is known."""

    turn: int
    phrase: str
    took_s: float
    """Seconds that the provider had taken up to here."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    turn: int
    step: FlowStep | None


@dataclass(frozen=True, slots=True)
class SpeechMade:
    """Audio of a phrase, at the rate that the client hears."""

    turn: int
    phrase: int
    pcm: bytes
    words: tuple[Word, ...]
    took_s: float
    """Seconds that the provider had taken up to here."""


@dataclass(frozen=True, slots=True)
class PhraseEnded:
    turn: int
    phrase: int


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage could not do its work, with all of its providers."""

    turn: int
    code: str
    message: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that the conversation named has come."""


FromCaller = Opened | Typed | StopAsked | Played | HungUp
FromStage = Transcribed | ReplyGrew | ReplyEnded | SpeechMade | PhraseEnded | StageFailed
Event = FromCaller | FromStage | SpeechBegan | SpeechEnded | PieceDue | AudioDropped | TimePassed
