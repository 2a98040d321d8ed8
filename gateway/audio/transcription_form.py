"""What a client wants of a transcription: the fields of its form, checked.

Fields that are not known here are ignored, as are those that only tune a model (`include[]`, `chunking_strategy`): clients
send them by habit, and the words are the same without.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeGuard

from starlette.datastructures import FormData

from pipeline.errors import ClientError

Format = Literal["json", "text", "srt", "vtt", "verbose_json"]
FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
GRANULARITIES = ("word", "segment")
_LANGUAGE = re.compile(r"([a-z]{2})([-_][a-z0-9]{2,8})*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A transcription as a client wants it."""

    language: str
    """Two letters; empty when the client leaves it open."""
    prompt: str
    format: Format
    granularities: frozenset[str]
    """Of `verbose_json`: `word`, `segment` or both."""
    stream: bool


def read_wanted(form: FormData) -> Wanted:
    if not _text(form, "model"):
        raise ClientError("model_missing", "name a model; any name will do, for the server chooses", "model")
    _check_temperature(_text(form, "temperature"))
    kind = _format(_text(form, "response_format"))
    stream = _flag(_text(form, "stream"))
    if stream and kind not in ("json", "text"):
        raise ClientError(
            "format_unsupported", f"{kind} cannot be streamed; leave out stream, or ask for json", "response_format"
        )
    language = _language(_text(form, "language"))
    return Wanted(language, _text(form, "prompt"), kind, _granularities(form, kind), stream)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _language(text: str) -> str:
    found = _LANGUAGE.fullmatch(text)
    if text and not found:
        raise ClientError("language_invalid", "language is two letters, such as en, or en-US", "language")
    return found[1].lower() if found else ""


def _format(text: str) -> Format:
    if _is_format(text := text or "json"):
        return text
    raise ClientError("format_unsupported", f"response_format is one of {', '.join(FORMATS)}", "response_format")


def _is_format(text: str) -> TypeGuard[Format]:
    return text in FORMATS


def _granularities(form: FormData, kind: Format) -> frozenset[str]:
    name = "timestamp_granularities"
    asked = [value for field in (f"{name}[]", name) for value in form.getlist(field)]
    if any(value not in GRANULARITIES for value in asked):
        raise ClientError("granularity_invalid", f"{name} are word and segment", name)
    if asked and kind != "verbose_json":
        raise ClientError("granularity_invalid", f"{name} need the response_format verbose_json", name)
    return frozenset(str(value) for value in asked) or frozenset({"segment"})


def _flag(text: str) -> bool:
    if text.lower() not in ("", "true", "false", "1", "0"):
        raise ClientError("stream_invalid", "stream is true or false", "stream")
    return text.lower() in ("true", "1")


def _check_temperature(text: str) -> None:
    try:
        fits = 0 <= float(text or 0) <= 1
    except ValueError:
        fits = False
    if not fits:
        raise ClientError("temperature_invalid", "temperature is a number from 0 to 1", "temperature")
