"""How a conversation is held, as far as its client decides that: a value that may be replaced at any time.

The defaults are those of a caller who only talks. A client that keeps items (pipeline.history) has a say in what is
remembered: turns that ended stay as they were told, the reply is sent as fast as it is made, and a sound over it ends it.
"""

from dataclasses import dataclass, field

from pipeline.config import Turn
from pipeline.ports import Wish


@dataclass(frozen=True, slots=True)
class Manner:
    language: str
    out_rate: int = 24_000
    """Samples a second of the audio that the client hears."""
    wish: Wish = field(default_factory=Wish)
    greets: bool = True
    """Whether the call flow's greeting is spoken when the caller arrives."""
    detects: bool = True
    """Whether speech is noticed; otherwise the client says what a turn is."""
    answers: bool = True
    """Whether a turn that ends is answered; otherwise replies are asked for."""
    interrupts: bool = True
    """Whether speech over a reply ends it."""
    keeps_items: bool = False
    """Whether the client keeps account of items; only then is it told of them."""
    shows_words: bool = False
    """Whether the client is told where the words of a reply lie in its audio."""
    turn: Turn | None = None
    """Rules for the beginning and end of a turn, in place of the configured ones."""
    idle_ms: int = 0
    """Milliseconds of silence after a reply until the next one is made unasked; 0 for never."""
    foreseen: bool = True
    """Whether callers are expected to say what the call flow foresees, which helps to recognise it."""
    prompt: str = ""
    """Names and spelling that help to recognise what is said."""
