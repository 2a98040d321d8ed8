"""The events that clients send; `input_audio_buffer.append` comes so often that the codec reads it without a model."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, field_validator

from pipeline.wires.realtime.fields import Modality, Reasoning, VoiceName, one_modality
from pipeline.wires.realtime.formats import AudioFormat
from pipeline.wires.realtime.items import ContextItem, GivenItem
from pipeline.wires.realtime.part import EventId, ItemId, Part, checked
from pipeline.wires.realtime.tools import FunctionTool, MaxTokens, ToolChoice

APPEND = "input_audio_buffer.append"
ITEM_CREATE = "conversation.item.create"


class _Event(Part):
    event_id: EventId | None = None


class SessionUpdate(_Event):
    type: Literal["session.update"]
    session: dict[str, Any]


class Append(_Event):
    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(_Event):
    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    type: Literal["input_audio_buffer.clear"]


class OutputClear(_Event):
    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    type: Literal["conversation.item.create"]
    item: GivenItem
    previous_item_id: ItemId | None = None


class ItemDelete(_Event):
    type: Literal["conversation.item.delete"]
    item_id: ItemId


class ItemRetrieve(_Event):
    type: Literal["conversation.item.retrieve"]
    item_id: ItemId


class ItemTruncate(_Event):
    type: Literal["conversation.item.truncate"]
    item_id: ItemId
    content_index: Literal[0]
    audio_end_ms: int = Field(ge=0, le=86_400_000)


class ResponseOutput(Part):
    format: AudioFormat | None = None
    voice: VoiceName | None = None


class ResponseAudio(Part):
    output: ResponseOutput | None = None


class ResponseFields(Part):
    """What one response has of its own; what is not given is the session's."""

    audio: ResponseAudio | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[ContextItem] | None = None
    instructions: str | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]] | None = Field(
        default=None, max_length=16
    )
    output_modalities: list[Modality] | None = None
    parallel_tool_calls: bool | None = None
    """Without effect."""
    prompt: None = None
    reasoning: Reasoning | None = None
    """Without effect."""
    tool_choice: ToolChoice | None = None
    tools: list[FunctionTool] | None = None

    @field_validator("output_modalities")
    @classmethod
    def _one_modality(cls, modalities: list[Modality] | None) -> list[Modality] | None:
        return modalities if modalities is None else one_modality(modalities)


class ResponseCreate(_Event):
    type: Literal["response.create"]
    response: ResponseFields | None = None


class ResponseCancel(_Event):
    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | OutputClear
    | ItemCreate
    | ItemDelete
    | ItemRetrieve
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
_EVENT = TypeAdapter[ClientEvent](Annotated[ClientEvent, Field(discriminator="type")])


def read_event(message: object) -> ClientEvent:
    """Raises `ClientError` that names what is wrong."""
    return checked(_EVENT.validate_python, message)
