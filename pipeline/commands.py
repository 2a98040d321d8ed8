"""All that a conversation may want done. Work carries the number of its turn, and so do the results."""

from dataclasses import dataclass

from pipeline.notices import Notice
from pipeline.ports import Phrase, Prompt


@dataclass(frozen=True, slots=True)
class Transcribe:
    turn: int
    piece: int
    start: int
    """Position in the caller's audio, in samples."""
    stop: int
    language: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Think:
    turn: int
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Speak:
    turn: int
    index: int
    phrase: Phrase


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop all work for a turn; its results are of no use any more."""

    turn: int


@dataclass(frozen=True, slots=True)
class Tell:
    notice: Notice


@dataclass(frozen=True, slots=True)
class Play:
    """Reply audio for the client, PCM16 at its rate."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """Let the caller go: everything has been said."""


Command = Transcribe | Think | Speak | Abandon | Tell | Play | HangUp
