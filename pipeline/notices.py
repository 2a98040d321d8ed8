"""What a conversation tells its client, whatever the wire; each wire has its own words for it."""

from dataclasses import dataclass, field

from pipeline.errors import Fault
from pipeline.latency import Latency


@dataclass(frozen=True, slots=True)
class SessionOpened:
    id: str
    resume: str
    rate: int
    out_rate: int
    providers: dict[str, str] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True)
class CallerBegan:
    at_ms: int


@dataclass(frozen=True, slots=True)
class CallerStopped:
    at_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    turn: int
    text: str
    final: bool
    language: str
    confidence: float | None


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


Notice = (
    SessionOpened
    | CallerBegan
    | CallerStopped
    | Heard
    | Said
    | AudioStarted
    | AudioDone
    | Held
    | WentOn
    | Interrupted
    | TurnReport
    | Failed
)
