"""Voices by OpenAI's names, which clients send whatever the server is.

Every engine takes them all: a name that it has no such voice for stands for one of its own, always the same one, and
different names for different ones as far as it has several.
"""

from collections.abc import Collection, Sequence

OPENAI_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
"""New names are added at the end, so that the others keep the voices that they stand for."""


def stand_in(name: str, own: Sequence[str]) -> str | None:
    """Which of an engine's own voices answers to one of OpenAI's names; None for any other name."""
    if name not in OPENAI_VOICES or not own:
        return None
    return own[OPENAI_VOICES.index(name) % len(own)]


def is_known(name: str, listed: Collection[str]) -> bool:
    """Whether a client may ask for it: listed, or two that are listed with a plus between them (`en-gb+f3`)."""
    return name in listed or ("+" in name and all(part in listed for part in name.split("+", 1)))
