"""What a gateway tells a shard of its callers; what it gets back is in `outbox`."""

from typing import NamedTuple

from pipeline import events as on
from pipeline.journal import Return
from pipeline.manner import Manner
from pipeline.ticks import Tick


class Opening(NamedTuple):
    """A conversation that begins."""

    id: int
    flow: str
    manner: Manner
    secret: str = ""
    """What a caller must know to come back to it; empty if they cannot."""
    returns: Return | None = None
    """Where it goes on, if another shard has held it."""
    generation: int = 0
    """How often it has been placed at a shard."""


class Rejoin(NamedTuple):
    """A caller comes back to a conversation, through whichever gateway."""

    id: int
    secret: str


class Moved(NamedTuple):
    """A conversation goes on elsewhere, since this shard was taken for dead; if it only slept its copy is too old."""

    id: int
    generation: int


Said = tuple[list[Opening | Rejoin | Moved], Tick, list[tuple[int, on.FromCaller]]]
"""What the callers of a gateway said: new conversations, audio, and events, in this order."""
