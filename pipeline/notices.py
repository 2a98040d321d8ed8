"""What a conversation tells its client, whatever the wire; each wire has its own words for it."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import Fault
from pipeline.history import Item
from pipeline.latency import Latency
from pipeline.ports import Usage


@dataclass(frozen=True, slots=True)
class SessionOpened:
    id: str
    resume: str
    rate: int
    out_rate: int
    providers: dict[str, str] = field(default_factory=lambda: {})
    resumed: bool = False
    """Whether it goes on where a broken connection left it."""


@dataclass(frozen=True, slots=True)
class CallerBegan:
    at_ms: int
    item: str = ""
    """What the turn will be, for a client that keeps items."""


@dataclass(frozen=True, slots=True)
class CallerStopped:
    at_ms: int
    item: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    turn: int
    text: str
    final: bool
    language: str
    confidence: float | None
    item: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The reply so far."""

    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class AudioStarted:
    turn: int


@dataclass(frozen=True, slots=True)
class AudioDone:
    """All audio of the reply has been sent."""

    turn: int
    ms: int


@dataclass(frozen=True, slots=True)
class Voiced:
    """Where the words of the reply lie in the audio that was sent last."""

    turn: int
    marks: tuple[tuple[int, int], ...]
    """Milliseconds of the reply, and how many of its words have been said by then."""


@dataclass(frozen=True, slots=True)
class Held:
    """The caller made a sound: playing stops, and what was not played is thrown away; it is sent again if need be."""

    turn: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class WentOn:
    """The sound was no interruption: the reply goes on from where it was held."""

    turn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The reply stops here; what the client has not played yet should be thrown away."""

    turn: int
    heard_ms: int
    heard_text: str
    told_by: str = "clock"
    """`client` when it said what it has played, `clock` when that is an estimate."""


@dataclass(frozen=True, slots=True)
class TurnReport:
    turn: int
    latency: Latency
    speculated: bool = False
    """Whether the reply had been prepared before the turn had surely ended."""
    met: str = "target"
    """`target`, `ceiling` or `neither`."""
    late: tuple[str, ...] = ()
    """Stages that took more than their share."""
    did: tuple[str, ...] = ()
    """What was done about it."""


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    message: str
    fault: Fault
    item: str = ""
    """The turn whose words could not be had, if that is what failed."""


ForCaller = (
    SessionOpened
    | CallerBegan
    | CallerStopped
    | Heard
    | Said
    | AudioStarted
    | AudioDone
    | Voiced
    | Held
    | WentOn
    | Interrupted
    | TurnReport
    | Failed
)


# For clients that keep items


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """A turn of the caller has become an item; its words follow in `Heard`."""

    item: str
    ms: int
    """Length of its audio."""


@dataclass(frozen=True, slots=True)
class NobodySpoke:
    """The caller has said nothing for so long that a reply is made unasked; the silence becomes a turn."""

    start_ms: int
    stop_ms: int
    item: str


@dataclass(frozen=True, slots=True)
class BufferCleared:
    pass


@dataclass(frozen=True, slots=True)
class ItemTaken:
    """What the client gave is part of the conversation."""

    item: Item
    after: str
    """The item before it; empty for the first."""


@dataclass(frozen=True, slots=True)
class ItemGone:
    id: str


@dataclass(frozen=True, slots=True)
class ItemShown:
    item: Item


@dataclass(frozen=True, slots=True)
class ItemShortened:
    id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    turn: int
    item: str
    """What its words will be."""
    ref: str = ""
    """Who asked for it, if somebody did."""
    aside: bool = False


@dataclass(frozen=True, slots=True)
class CallGrew:
    """The reply asks for a function; its arguments grow."""

    turn: int
    item: str
    call_id: str
    name: str
    arguments: str
    """What was added to them."""
    final: bool


@dataclass(frozen=True, slots=True)
class AsideSpoken:
    """Audio of a reply outside of the conversation."""

    turn: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """Nothing more of this reply will come."""

    turn: int
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: str = ""
    """`turn_detected` or `client_cancelled`; what cut it; or the code of what failed."""
    message: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request of the client cannot be met; nothing has changed."""

    ref: str
    code: str
    message: str
    param: str | None = None


ForItems = (
    TurnTaken
    | NobodySpoke
    | BufferCleared
    | ItemTaken
    | ItemGone
    | ItemShown
    | ItemShortened
    | ReplyBegan
    | CallGrew
    | AsideSpoken
    | ReplyEnded
    | Refused
)

Notice = ForCaller | ForItems
