"""All that a conversation may want done. Work carries its name, and so do the results."""

from dataclasses import dataclass

from pipeline.notices import Notice
from pipeline.ports import Phrase, Prompt
from pipeline.work import Work


@dataclass(frozen=True, slots=True)
class Transcribe:
    work: Work
    start: int
    """Position in the caller's audio, in samples."""
    stop: int
    language: str
    phrases: tuple[str, ...]
    patience_s: float
    """Seconds after which the next provider is asked too."""
    prompt: str = ""
    """Names and spelling that help to recognise it."""
    pcm: bytes | None = None
    """The audio itself, when it did not come through the caller's line."""


@dataclass(frozen=True, slots=True)
class Think:
    work: Work
    prompt: Prompt
    patience_s: float


@dataclass(frozen=True, slots=True)
class Speak:
    work: Work
    index: int
    phrase: Phrase
    rate: int
    """Samples a second that the client hears."""
    patience_s: float


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop this work; its results are of no use any more."""

    work: Work


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
