"""Items of a conversation as clients write and read them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never

from pydantic import Field

from pipeline.errors import ClientError
from pipeline.history import Item
from pipeline.ports import Entry, Message, ToolCall, ToolResult
from pipeline.wires.realtime.formats import AudioFormat, from_base64
from pipeline.wires.realtime.part import ItemId, Part

Wired = dict[str, Any]


class InputText(Part):
    type: Literal["input_text"]
    text: str


class InputAudio(Part):
    type: Literal["input_audio"]
    audio: str | None = None
    transcript: str | None = None


class InputImage(Part):
    type: Literal["input_image"]
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class OutputText(Part):
    type: Literal["output_text"]
    text: str


class OutputAudio(Part):
    type: Literal["output_audio"]
    audio: str | None = None
    """Not listened to: the transcript is what was said."""
    transcript: str | None = None


class _Item(Part):
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: list[InputText]


class UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: list[Annotated[InputText | InputAudio | InputImage, Field(discriminator="type")]]


class AssistantMessage(_Item):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[Annotated[OutputText | OutputAudio, Field(discriminator="type")]]


class FunctionCall(_Item):
    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: ItemId | None = None


class FunctionCallOutput(_Item):
    type: Literal["function_call_output"]
    call_id: ItemId
    output: str


class ItemReference(Part):
    type: Literal["item_reference"]
    id: ItemId


AnyMessage = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]
GivenItem = Annotated[AnyMessage | FunctionCall | FunctionCallOutput, Field(discriminator="type")]
ContextItem = Annotated[AnyMessage | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class Given:
    """What a client's item says."""

    entry: Entry
    spoken: bool = False
    complete: bool = True
    pcm: bytes = b""
    """Audio whose words are not known yet, at the rate of the session's input."""


def given(item: GivenItem, form: AudioFormat, text_chars: int, param: str) -> Given:
    """Raises `ClientError` for content that cannot be used."""
    complete = item.status != "incomplete"
    match item:
        case SystemMessage():
            entry = Message("system", _joined([part.text for part in item.content], text_chars, param))
            return Given(entry)
        case UserMessage():
            return _of_caller(item, form, text_chars, param)
        case AssistantMessage():
            texts = [part.text if isinstance(part, OutputText) else part.transcript or "" for part in item.content]
            spoken = any(isinstance(part, OutputAudio) for part in item.content)
            return Given(Message("assistant", _joined(texts, text_chars, param)), spoken, complete)
        case FunctionCall():
            return Given(ToolCall(item.call_id or "", item.name, item.arguments), complete=complete)
        case FunctionCallOutput():
            return Given(ToolResult(item.call_id, item.output))
        case _:
            assert_never(item)


def _of_caller(item: UserMessage, form: AudioFormat, text_chars: int, param: str) -> Given:
    texts: list[str] = []
    pcm = b""
    for place, part in enumerate(item.content):
        where = f"{param}.content[{place}]"
        match part:
            case InputText():
                texts.append(part.text)
            case InputAudio(transcript=str(transcript)) if transcript:
                texts.append(transcript)
            case InputAudio():
                pcm += from_base64(part.audio, form, f"{where}.audio")
            case InputImage():
                message = "Images are not supported: say in words what is in them."
                raise ClientError("unsupported_content", message, f"{where}.type")
    if pcm and texts:
        message = "A message has either text or audio without a transcript: give two items."
        raise ClientError("unsupported_content", message, f"{param}.content")
    spoken = any(isinstance(part, InputAudio) for part in item.content)
    return Given(Message("user", _joined(texts, text_chars, param)), spoken, pcm=pcm)


def _joined(texts: list[str], most: int, param: str) -> str:
    text = "\n".join(texts)
    if len(text) > most:
        message = f"Invalid value for '{param}.content': it has {len(text)} characters, and {most} are the most."
        raise ClientError("string_above_max_length", message, f"{param}.content")
    return text


def wired(item: Item) -> Wired:
    """An item that is remembered, as its client sees it."""
    status = "completed" if item.complete else "incomplete"
    match item.entry:
        case Message("assistant", text):
            part = {"type": "output_audio", "transcript": text} if item.spoken else {"type": "output_text", "text": text}
            return message(item.id, "assistant", status, [part])
        case Message("system", text):
            return message(item.id, "system", status, [{"type": "input_text", "text": text}])
        case Message(_, text):
            part = {"type": "input_audio", "transcript": text or None} if item.spoken else {"type": "input_text", "text": text}
            return message(item.id, "user", status, [part])
        case ToolCall(call_id, name, arguments):
            return function_call(item.id, status, call_id, name, arguments)
        case ToolResult(call_id, output):
            head = {"id": item.id, "object": "realtime.item", "type": "function_call_output", "status": status}
            return {**head, "call_id": call_id, "output": output}


def message(id: str, role: str, status: str, content: list[Wired]) -> Wired:
    return {"id": id, "object": "realtime.item", "type": "message", "status": status, "role": role, "content": content}


def function_call(id: str, status: str, call_id: str, name: str, arguments: str) -> Wired:
    head = {"id": id, "object": "realtime.item", "type": "function_call", "status": status}
    return {**head, "call_id": call_id, "name": name, "arguments": arguments}
