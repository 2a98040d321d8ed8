"""The fields of a session, as clients set them and read them back.

Fields whose docstring says so are taken and given back, and change nothing: they steer a model or a service that is not here.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, field_validator

from pipeline.wires.realtime.formats import AudioFormat, Pcm
from pipeline.wires.realtime.part import Part
from pipeline.wires.realtime.tools import FunctionTool, MaxTokens, ToolChoice, WordOr

Modality = Literal["text", "audio"]
Include = list[Literal["item.input_audio_transcription.logprobs"]] | None


T = TypeVar("T")
Rare = Annotated[T | None, Field(exclude_if=lambda value: value is None)]
"""Told only when it is there: some clients know nothing of it, and break."""


def _voice_name(voice: Any) -> Any:
    """A voice may come as an object with its id."""
    match voice:
        case {"id": id, **rest} if not rest:
            return id
        case _:
            return voice


VoiceName = Annotated[str, Field(min_length=1, max_length=128), BeforeValidator(_voice_name)]


def one_modality(modalities: list[Modality]) -> list[Modality]:
    if len(modalities) != 1:
        raise ValueError("it must be ['audio'] or ['text']")
    return modalities


class NoiseReduction(Part):
    """Without effect."""

    type: Literal["near_field", "far_field"] | None = None
    strength: Rare[float] = None


class Transcription(Part):
    model: str | None = None
    """Without effect."""
    language: str | None = Field(default=None, pattern="^[A-Za-z]{2}([-_].*)?$")
    languages: Rare[list[Annotated[str, Field(pattern="^[A-Za-z]{2}([-_].*)?$")]]] = None
    """The first one counts."""
    prompt: str | None = None
    keywords: Rare[list[str]] = None
    delay: Rare[Literal["minimal", "low", "medium", "high", "xhigh"]] = None
    """Without effect."""


class ServerVad(Part):
    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=5_000)
    silence_duration_ms: int = Field(default=500, ge=1, le=10_000)
    idle_timeout_ms: int | None = Field(default=None, ge=1_000, le=600_000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Part):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class AudioIn(Part):
    format: AudioFormat = Pcm()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = ServerVad()


class AudioOut(Part):
    format: AudioFormat = Pcm()
    voice: VoiceName | None = None
    """None is the language's own."""
    speed: float = Field(default=1.0, ge=0.25, le=1.5)


class Audio(Part):
    input: AudioIn = AudioIn()
    output: AudioOut = AudioOut()


class Tracing(Part):
    group_id: str | None = None
    metadata: dict[str, Any] | None = None
    workflow_name: str | None = None


class TokenLimits(Part):
    post_instructions: int | None = None


class Retention(Part):
    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)
    token_limits: TokenLimits | None = None


class Reasoning(Part):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class ConversationFields(Part):
    """A session of `type` realtime."""

    type: Literal["realtime"]
    model: str
    output_modalities: list[Modality] = ["audio"]
    instructions: str = ""
    tools: list[FunctionTool] = []
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxTokens = "inf"
    audio: Audio = Audio()
    tracing: WordOr[Literal["auto"], Tracing] | None = None
    """Without effect."""
    truncation: WordOr[Literal["auto", "disabled"], Retention] | None = "auto"
    """Without effect."""
    parallel_tool_calls: Rare[bool] = None
    """Without effect."""
    reasoning: Rare[Reasoning] = None
    """Without effect."""
    include: Include = None
    """Without effect."""
    prompt: None = None
    """Prompt templates live at OpenAI."""

    _one_modality = field_validator("output_modalities")(one_modality)


class TranscriptionAudio(Part):
    input: AudioIn


class TranscriptionFields(Part):
    """A session of `type` transcription: words come back, and nothing else."""

    type: Literal["transcription"]
    audio: TranscriptionAudio
    include: Include = None
    """Without effect."""


SessionFields = ConversationFields | TranscriptionFields
