import json
from typing import Any

import pytest
from starlette.requests import Request

from gateway.audio.speech_request import SpeechRequest, read_request
from pipeline.errors import ClientError

LIMIT = 100


def request(*body: bytes) -> Request:
    pieces = list(body)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def read(**fields: Any) -> SpeechRequest:
    return await read_request(request(json.dumps(fields).encode()), LIMIT)


async def refused(*body: bytes) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        await read_request(request(*body), LIMIT)
    return caught.value.code, caught.value.param


async def test_a_text_alone_is_enough() -> None:
    wanted = await read(input="Hello.")
    assert wanted == SpeechRequest(input="Hello.")
    assert (wanted.voice, wanted.response_format, wanted.speed, wanted.stream_format) == ("", "mp3", 1.0, "audio")


async def test_what_clients_send_by_habit_is_taken() -> None:
    wanted = await read(
        input="Hello.", model=None, voice={"id": "f3"}, speed="1.5", language="DE-at", unknown={"a": 1}, instructions="Softly."
    )
    assert (wanted.voice, wanted.speed, wanted.language) == ("f3", 1.5, "de")


async def test_a_body_may_come_in_pieces() -> None:
    assert (await read_request(request(b'{"input":', b'"Hello."}'), LIMIT)).input == "Hello."


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "input_missing", "input"),
        ({"input": None}, "input_missing", "input"),
        ({"input": " \n"}, "input_missing", "input"),
        ({"input": 5}, "input_invalid", "input"),
        ({"input": "a" * (LIMIT + 1)}, "text_too_long", "input"),
        ({"input": "a", "voice": 5}, "voice_invalid", "voice"),
        ({"input": "a", "voice": {"name": "f3"}}, "voice_invalid", "voice"),
        ({"input": "a", "response_format": "ogg"}, "format_unsupported", "response_format"),
        ({"input": "a", "speed": "fast"}, "speed_invalid", "speed"),
        ({"input": "a", "speed": 0.2}, "speed_invalid", "speed"),
        ({"input": "a", "speed": "4.1"}, "speed_invalid", "speed"),
        ({"input": "a", "speed": "nan"}, "speed_invalid", "speed"),
        ({"input": "a", "stream_format": "events"}, "format_unsupported", "stream_format"),
        ({"input": "a", "language": "english"}, "language_invalid", "language"),
        ({"input": "a", "language": 5}, "language_invalid", "language"),
        ({"input": "a", "model": []}, "model_invalid", "model"),
    ],
    ids=str,
)
async def test_what_cannot_be_used_is_named(fields: dict[str, Any], code: str, param: str) -> None:
    assert await refused(json.dumps(fields).encode()) == (code, param)


@pytest.mark.parametrize("body", [b"", b"Hello.", b'["Hello."]', b'"Hello."', b'{"input": "\xff"}'])
async def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert await refused(body) == ("json_invalid", None)


async def test_as_many_characters_as_are_allowed_are_taken_whatever_they_are() -> None:
    assert (await read(input="\U0001f600" * LIMIT)).input == "\U0001f600" * LIMIT


async def test_a_body_without_end_is_read_no_further() -> None:
    assert await refused(*[b" " * 10_000] * 7, b"unread") == ("text_too_long", "input")
