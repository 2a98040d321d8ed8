"""All that can happen to a conversation. Results of stages carry the name of the work that they belong to."""

from dataclasses import dataclass

from pipeline.errors import Fault
from pipeline.ports import CallDelta, Finish, FlowStep, Transcript, Word
from pipeline.work import Work

_UNTOLD = Finish()
"""How a reply ended when its engine does not tell."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The caller is there."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    at: int
    """Position in the caller's audio, in samples."""


@dataclass(frozen=True, slots=True)
class SpeechGrew:
    """The caller has been speaking for another while."""

    upto: int
    """Position up to where, in samples."""
    ms: int
    """How long it has been."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A short silence: a breath, or the end of the turn."""

    at: int
    """Position of the last sound, in samples."""
    lowering: float | None = None
    """Semitones by which the voice ended below its usual pitch; None when that cannot be told."""


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The pause was none: the caller goes on."""

    after_ms: int
    """How long it was."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    at: int
    """Position of the last sound, in samples."""
    heard_at: float
    """When that sound arrived here."""


@dataclass(frozen=True, slots=True)
class PieceDue:
    """So much speech has gathered that a piece should be transcribed before the turn ends."""

    stop: int
    """Position where the piece ends."""
    pause: SpeechPaused | None = None
    """The pause in which it is sent off, if it is one."""


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Speech had to be let go before it could be transcribed."""

    ms: int


@dataclass(frozen=True, slots=True)
class Typed:
    text: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of a telephone."""

    key: str
    """One of 0-9, * and #."""


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
    work: Work
    transcript: Transcript
    took_s: float
    did: tuple[str, ...] = ()
    """What was done because a provider was late."""


@dataclass(frozen=True, slots=True)
class ReplyGrew:
    """The next phrase of the reply is known."""

    work: Work
    phrase: str
    took_s: float
    """Seconds that the provider had taken up to here."""
    did: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallGrew:
    """The next piece of a function call is known."""

    work: Work
    call: CallDelta
    took_s: float
    """Seconds that the provider had taken up to here."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    work: Work
    step: FlowStep | None
    finish: Finish = _UNTOLD


@dataclass(frozen=True, slots=True)
class SpeechMade:
    """Audio of a phrase, at the rate that the client hears."""

    work: Work
    phrase: int
    pcm: bytes
    words: tuple[Word, ...]
    took_s: float
    """Seconds that the provider had taken up to here."""
    did: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhraseEnded:
    work: Work
    phrase: int


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage could not do its work, with all of its providers."""

    work: Work
    code: str
    message: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that the conversation named has come."""


FromCaller = Opened | Typed | KeyPressed | StopAsked | Played | HungUp
FromEar = SpeechBegan | SpeechGrew | SpeechPaused | SpeechResumed | SpeechEnded | PieceDue | AudioDropped
FromReplyStages = ReplyGrew | CallGrew | ReplyEnded | SpeechMade | PhraseEnded
FromStage = Transcribed | FromReplyStages | StageFailed
Event = FromCaller | FromEar | FromStage | TimePassed
