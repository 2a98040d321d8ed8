"""What must be known of a conversation so that it can go on somewhere else.

Its brain gives a memento when nobody speaks and when a reply is to be thought of; its gateway keeps the newest one, with what
was said and told since (pipeline.journal). Both together bring another shard to where the lost one stood.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.history import Kept
from pipeline.manner import Manner
from pipeline.ports import Finish, FlowStep, Prompt, Wish


@dataclass(frozen=True, slots=True)
class ReplyDue:
    """A reply that is to be thought of, or was begun."""

    turn: int
    item: str
    wish: Wish
    prompt: Prompt | None
    """None when all of its words are known."""
    asked: str
    """The item that it answers."""
    text: str
    """What the client was told of it."""
    phrases: tuple[str, ...]
    """The same, as it was spoken."""
    final: bool
    step: FlowStep | None
    finish: Finish
    sent: int
    """Samples of its audio that went to the client."""
    filled: bool
    """Whether it began with a word of patience."""


@dataclass(frozen=True, slots=True)
class Memento:
    manner: Manner
    age_s: float
    turn: int
    attempts: int
    names: int
    """How many items have been named."""
    items: tuple[Kept, ...]
    flow_state: dict[str, Any]
    pauses: tuple[int, ...]
    """How long the caller's own pauses were."""
    since: int
    """Position from which audio is in no turn."""
    keys: str
    """Keys that were pressed and do not count as said yet."""
    asked: int
    """How often the caller was asked whether somebody is there."""
    leaving: bool
    """Whether goodbye was said."""
    reply: ReplyDue | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the client was told of the reply since the memento."""

    again: tuple[int, int] = (0, 0)
    """Where the caller's audio was at the memento, and up to where it is heard again."""
    turn: int | None = None
    texts: tuple[str, ...] = ()
    """All of it so far, each time that it grew."""
    final: bool = False
    held_ms: int | None = None
    """Where it was held last, if it was; what the client had not played by then it has thrown away."""
    sent: int = 0
    """Samples of its audio, from there or from what the memento knows."""
    unheard: int = 0
    """Samples of it that the client has not played yet, by the clock."""
    heard: str | None = None
    """What the caller had heard when it was interrupted, if it was."""
    broken: tuple[int, ...] = ()
    """Turns of replies that cannot be gone on with: replies aside, and one whose function calls were told in part."""


NOTHING_TOLD = Told()
