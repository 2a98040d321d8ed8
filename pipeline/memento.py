"""What must be known of a conversation so that it can go on somewhere else.

Its brain gives a memento when nobody speaks and when a reply is to be thought of; its gateway keeps the newest one, with what
was said and told since (pipeline.journal). Both together bring another shard to where the lost one stood.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.history import Kept
from pipeline.manner import Manner
from pipeline.ports import Prompt, Wish


@dataclass(frozen=True, slots=True)
class ReplyDue:
    """A reply that is to be thought of, or was begun."""

    turn: int
    item: str
    wish: Wish
    prompt: Prompt | None
    """None when its words are known from the beginning."""
    asked: str
    """The item that it answers."""
    text: str
    """What the client was told of it."""
    final: bool
    sent: int
    """Samples of its audio that went to the client."""
    ends_call: bool


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
    reply: ReplyDue | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the client was told of the reply since the memento."""

    turn: int | None = None
    text: str = ""
    final: bool = False
    sent: int = 0
    """Samples of its audio."""
    broken: tuple[int, ...] = ()
    """Turns of replies that cannot be gone on with: replies aside, and one whose function calls were told in part."""


NOTHING_TOLD = Told()
