"""What a client wants spoken, and how: the body of its request, checked.

Fields that are not known here are ignored, and null is as good as nothing: clients send both by habit.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from gateway.audio.encoding import Format
from pipeline.errors import ClientError

_BYTES_A_CHARACTER = 12
"""As JSON may write it: two escapes for a character beyond the first 65,536."""
_BESIDES = 65_536
"""Bytes of a body that are not its text."""
_LANGUAGE = re.compile(r"([a-z]{2})([-_][a-z0-9]{2,8})*", re.IGNORECASE)

_PROBLEMS = {
    "input": ("input_invalid", "input is the text to speak"),
    "model": ("model_invalid", "model is a name; any will do, or none, for the server chooses"),
    "voice": ("voice_invalid", 'voice is a name, or {"id": NAME}'),
    "response_format": ("format_unsupported", "response_format is one of mp3, opus, aac, flac, wav, pcm"),
    "speed": ("speed_invalid", "speed is a number from 0.25 to 4"),
    "stream_format": ("format_unsupported", "stream_format is audio or sse"),
    "language": ("language_invalid", "language is two letters, such as en, or en-US"),
    "instructions": ("instructions_invalid", "instructions are a text"),
}


def _name(value: Any) -> Any:
    return cast(Mapping[str, Any], value).get("id") if isinstance(value, Mapping) else value


def _two_letters(value: Any) -> Any:
    found = _LANGUAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError
    return found[1].lower()


class SpeechRequest(BaseModel):
    """`voice` and `language` are empty when the client leaves them open."""

    model_config = ConfigDict(frozen=True)

    input: str
    model: str = ""
    voice: Annotated[str, BeforeValidator(_name)] = ""
    response_format: Format = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    """A number, or a text that holds one."""
    stream_format: Literal["audio", "sse"] = "audio"
    language: Annotated[str, BeforeValidator(_two_letters)] = ""
    instructions: str = ""
    """Taken and not used: no engine here can act on them."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        if not isinstance(body, Mapping):
            return body
        return {name: value for name, value in cast(Mapping[str, Any], body).items() if value is not None}


async def read_request(request: Request, max_chars: int) -> SpeechRequest:
    """Raises `ClientError`, which names the field, and `ClientDisconnect`."""
    body = await _body(request, max_chars)
    try:
        wanted = SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refused(error) from None
    if not wanted.input.strip():
        raise ClientError("input_missing", "there is no text to speak: put it in input", "input")
    if len(wanted.input) > max_chars:
        raise _too_long(max_chars)
    return wanted


async def _body(request: Request, max_chars: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _BYTES_A_CHARACTER * max_chars + _BESIDES:
            raise _too_long(max_chars)
    return bytes(body)


def _too_long(max_chars: int) -> ClientError:
    return ClientError("text_too_long", f"at most {max_chars} characters are spoken at once; send the text in parts", "input")


def _refused(error: ValidationError) -> ClientError:
    problem = error.errors(include_input=False, include_url=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else ""
    if field == "input" and problem["type"] == "missing":
        return ClientError("input_missing", "there is no text to speak: put it in input", "input")
    if field in _PROBLEMS:
        return ClientError(*_PROBLEMS[field], field)
    return ClientError("json_invalid", 'the body is no JSON object, such as {"input": "Hello."}')
