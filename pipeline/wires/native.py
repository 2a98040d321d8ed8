"""The wire of `/ws`: binary messages are PCM16 audio both ways, text messages are JSON with a `type`.

Whatever a client sends that cannot be used is answered by an error with a stable code; the connection goes on.
"""

import json
from dataclasses import asdict
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from pipeline import notices
from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError
from pipeline.events import FromCaller, HungUp, KeyPressed, Played, StopAsked, Typed
from pipeline.notices import Notice

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hello(_Wire):
    """The query of the address that a client connects to."""

    rate: int = Field(default=16_000, ge=LOWEST_RATE, le=HIGHEST_RATE)
    out_rate: int = Field(default=24_000, ge=LOWEST_RATE, le=HIGHEST_RATE)
    lang: str = Field(default="", pattern="^([a-z]{2})?$")
    flow: str = Field(default="", max_length=64, pattern="^[A-Za-z0-9_-]*$")
    voice: str = Field(default="", max_length=128)
    words: bool = False
    resume: str = Field(default="", pattern="^([0-9a-f]{16}\\.[A-Za-z0-9_-]{16,64})?$")


class Text(_Wire):
    type: Literal["text"]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Interrupt(_Wire):
    type: Literal["interrupt"]


class PlayedReport(_Wire):
    type: Literal["played"]
    ms: int = Field(ge=0)


class Key(_Wire):
    type: Literal["key"]
    key: str = Field(pattern="^[0-9*#]$")


class Ping(_Wire):
    type: Literal["ping"]


class Bye(_Wire):
    type: Literal["bye"]


_MESSAGE = TypeAdapter[Text | Key | Interrupt | PlayedReport | Ping | Bye](
    Annotated[Text | Key | Interrupt | PlayedReport | Ping | Bye, Field(discriminator="type")]
)

PONG = '{"type": "pong"}'


class Native:
    """This wire, for one caller."""

    def __init__(self, hello: Hello, config: Config) -> None:
        self.in_rate = hello.rate
        self._config = config

    def read(self, message: str | bytes) -> list[bytes | str | FromCaller]:
        try:
            if isinstance(message, bytes):
                return [read_audio(message)] if message else []
            received = read_text(message, self._config)
        except ClientError as error:
            return [self.refuse(error)]
        return [PONG if isinstance(received, Ping) else received]

    def write(self, delivery: Notice | bytes) -> list[str | bytes]:
        return [delivery if isinstance(delivery, bytes) else write(delivery)]

    def refuse(self, error: ParleyError) -> str:
        return refusal(error)


def read_query(query: dict[str, str]) -> Hello:
    try:
        return Hello.model_validate(query)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        code = {"rate": "rate_unsupported", "out_rate": "rate_unsupported"}.get(name, "query_invalid")
        raise ClientError(code, f"{name}: {problem['msg']}") from None


def read_audio(message: bytes) -> bytes:
    if len(message) % 2:
        raise ClientError("audio_odd", "a binary message must hold whole 16-bit samples; this one has an odd number of bytes")
    return message


def read_text(message: str, config: Config) -> Typed | KeyPressed | StopAsked | Played | HungUp | Ping:
    try:
        received = _MESSAGE.validate_json(message)
    except ValidationError as error:
        raise _problem(error) from None
    match received:
        case Text(text=text):
            if len(text) > config.conversation.max_text_chars:
                raise ClientError("text_too_long", f"a typed turn has at most {config.conversation.max_text_chars} characters")
            return Typed(text)
        case Key(key=key):
            return KeyPressed(key)
        case Interrupt():
            return StopAsked()
        case PlayedReport(ms=ms):
            return Played(ms)
        case Bye():
            return HungUp()
        case Ping():
            return received
        case _:
            assert_never(received)


def _problem(error: ValidationError) -> ClientError:
    problem = error.errors(include_input=False)[0]
    match problem["type"]:
        case "json_invalid":
            return ClientError("json_invalid", "a text message must be JSON")
        case "union_tag_invalid":
            return ClientError("type_unknown", "type must be one of: text, key, interrupt, played, ping, bye")
        case "union_tag_not_found" | "model_attributes_type" | "model_type" | "dict_type":
            return ClientError("type_missing", "a text message must be a JSON object with a type")
        case _:
            where = ".".join(str(part) for part in problem["loc"][1:])
            return ClientError("message_invalid", f"{where}: {problem['msg']}")


_TYPES: dict[type[notices.Notice], str] = {
    notices.SessionOpened: "session",
    notices.CallerBegan: "speech_started",
    notices.CallerStopped: "speech_stopped",
    notices.Heard: "transcript",
    notices.Said: "reply",
    notices.AudioStarted: "audio_started",
    notices.AudioDone: "audio_done",
    notices.Voiced: "voiced",
    notices.Held: "held",
    notices.WentOn: "resumed",
    notices.Interrupted: "interrupted",
    notices.TurnReport: "turn",
    notices.Failed: "error",
}


def write(notice: Notice) -> str:
    fields = asdict(notice)
    fields.pop("item", None)
    return json.dumps({"type": _TYPES[type(notice)], **fields}, ensure_ascii=False)


def refusal(error: ParleyError) -> str:
    words: dict[str, object] = {"type": "error", "code": error.code, "message": error.message, "fault": error.fault}
    if error.retry_after_s is not None:
        words["retry_after_s"] = error.retry_after_s
    return json.dumps(words, ensure_ascii=False)
