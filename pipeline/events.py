"""All that can happen to a conversation. Results of stages carry the name of the work that they belong to."""

from dataclasses import dataclass

from pipeline.errors import Fault
from pipeline.history import Item
from pipeline.manner import Manner
from pipeline.ports import CallDelta, Entry, Finish, FlowStep, Transcript, Wish, Word
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
class WentAway:
    """The connection broke; the caller may come back."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """The caller is there again, and has what was sent and not what was lost on the way."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The client wants the conversation held in another manner."""

    manner: Manner


@dataclass(frozen=True, slots=True)
class Committed:
    """What was said since the last turn is a turn."""

    ref: str
    """The client's own name for its request, which a refusal repeats; may be empty."""
    at: int = 0
    """Position in the caller's audio, in samples; the connection knows it."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was said since the last turn is to be forgotten."""

    at: int = 0


@dataclass(frozen=True, slots=True)
class ItemGiven:
    """The client adds something to what was said."""

    item: Item
    after: str | None
    """Item that it follows: None for the last one, an empty string for the beginning."""
    ref: str
    pcm: bytes = b""
    """What a caller said, as audio at the rate that is listened to, when its words are not known yet."""


@dataclass(frozen=True, slots=True)
class ItemUnwanted:
    """The client wants an item forgotten."""

    id: str
    ref: str


@dataclass(frozen=True, slots=True)
class ItemAsked:
    """The client wants to see an item as it is remembered."""

    id: str
    ref: str


@dataclass(frozen=True, slots=True)
class ItemCut:
    """The caller heard so much of a spoken reply, and no more."""

    id: str
    heard_ms: int
    ref: str


@dataclass(frozen=True, slots=True)
class ReplyAsked:
    """The client wants a reply now."""

    ref: str
    wish: Wish
    aside: bool = False
    """Whether it stands outside of the conversation: it is not remembered, and does not wait for another reply."""
    entries: tuple[Entry | str, ...] | None = None
    """What is answered, in place of the conversation so far; a string names an item of it."""


@dataclass(frozen=True, slots=True)
class ReplyUnwanted:
    """The client wants a reply to stop."""

    ref: str
    turn: int | None = None
    """The reply's turn; None for the one that is under way."""


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


FromItems = Adjusted | Committed | Cleared | ItemGiven | ItemUnwanted | ItemAsked | ItemCut | ReplyAsked | ReplyUnwanted
FromCaller = Opened | Typed | KeyPressed | StopAsked | Played | WentAway | CameBack | HungUp | FromItems
FromEar = SpeechBegan | SpeechGrew | SpeechPaused | SpeechResumed | SpeechEnded | PieceDue | AudioDropped
FromReplyStages = ReplyGrew | CallGrew | ReplyEnded | SpeechMade | PhraseEnded
FromStage = Transcribed | FromReplyStages | StageFailed
Event = FromCaller | FromEar | FromStage | TimePassed
