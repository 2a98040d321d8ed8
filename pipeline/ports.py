"""What the stages ask of engines: small protocols, and the values that pass through them.

An engine is made from its settings, raises `ProviderUnavailable` when it lacks something, raises `ProviderError` when a
request fails, and holds no state of any conversation. Speech to recognise is PCM16 mono at 16 kHz; speech that is made comes
at the rate that the engine likes, and the stage resamples it.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

LISTENING_RATE = 16_000
"""Samples a second of all audio on its way from the caller to VAD and ASR."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word and when it is spoken, in seconds from the start of its audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a caller said, as audio, and what we expected to hear."""

    samples: Samples
    language: str
    """Two letters, such as `en`; empty when nobody knows it."""
    phrases: tuple[str, ...] = ()
    """Sentences that the call flow expects in this place; an engine may lean on them."""
    prompt: str = ""
    """Names, spelling and words before this, from whoever asks; an engine may lean on it."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard; an empty text means speech without words."""

    text: str
    language: str
    confidence: float | None = None
    """Between 0 and 1, or None when the engine has no opinion."""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant", "system"]
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client offers to the model."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of its arguments."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asked for a function."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the function gave."""

    call_id: str
    output: str


Entry = Message | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Wish:
    """How a client wants its replies; the defaults leave it to the call flow."""

    instructions: str | None = None
    """The system prompt, in place of the call flow's."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of one of the tools after `name:`."""
    spoken: bool = True
    """Whether the reply will be heard; one that is only read keeps its marks and line breaks."""
    voice: str = ""
    """A voice that an engine knows; empty for the language's own."""
    speed: float = 1.0
    """Times the usual pace."""
    max_tokens: int | None = None
    """The longest reply, in the model's own tokens; None leaves it to the engine's settings."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an engine may know when it answers."""

    messages: tuple[Entry, ...]
    """The conversation so far, oldest first."""
    language: str
    flow: str
    """Name of the call flow in force."""
    flow_state: dict[str, Any] = field(default_factory=lambda: {})
    """What the flow engine remembered at its last reply (JSON values only)."""
    wish: Wish = Wish()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of a reply, as it is thought of."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A piece of a function call's arguments; the first piece of a call may be empty, and tells that it is made."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class FlowStep:
    """Where a call flow stands after a reply; sent once, after the last delta."""

    state: dict[str, Any]
    ends_call: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """How a model's reply ended; sent once, after the last delta, by engines that know."""

    usage: Usage = Usage()
    cut_by: Literal["", "max_output_tokens", "content_filter"] = ""
    """What ended it before the model was done."""


ReplyPart = TextDelta | CallDelta | FlowStep | Finish


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to be spoken in one breath."""

    text: str
    language: str
    voice: str = ""
    """A voice that the engine knows; empty for the language's own."""
    speed: float = 1.0
    """Times the usual pace, from 0.25 to 4."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of spoken audio; `words` are those that begin in it, timed from the start of the phrase."""

    samples: Samples
    rate: int
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that a client may name."""

    name: str
    language: str = ""
    """Tag of what it speaks, such as `en` or `en-gb`; empty for any language."""
    description: str = ""


class Recogniser(Protocol):
    async def transcribe(self, utterance: Utterance) -> Transcript: ...


@runtime_checkable
class Warmable(Protocol):
    """An engine that can make itself ready for what callers are expected to say."""

    def warm(self, language: str, phrases: tuple[str, ...]) -> None: ...


class Thinker(Protocol):
    def reply(self, prompt: Prompt) -> AsyncGenerator[ReplyPart, None]: ...


class Speaker(Protocol):
    def speak(self, phrase: Phrase) -> AsyncGenerator[Speech, None]:
        """A voice that it does not have is no failure: it takes its own for the language."""
        ...

    def voices(self) -> tuple[Voice, ...]:
        """What it has; asked for seldom, and outside the event loop."""
        ...
