"""`POST /v1/audio/speech`: a text in, its sound out while it is made; `GET /v1/audio/voices`: who may speak it.

A place among `api.speeches` is taken before the text is read; where none is free the request is refused with 429 at once, and
with 503 where conversations would suffer by it. A client that leaves stops the work. A failure before the first sound is an
HTTP status, also of a stream of events. Later it is such a stream's last event; sound alone can tell it in no other way than by
a connection that breaks.
"""

import base64
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from actors.engines.voices import OPENAI_VOICES
from actors.stages import Stages
from gateway.audio.encoding import MEDIA_TYPES, encoded, make_encoder
from gateway.audio.leaving import unless_gone
from gateway.audio.places import Places
from gateway.audio.reading import read_aloud
from gateway.audio.speech_request import SpeechRequest, read_request
from gateway.rest import refusal
from gateway.voices import Voices
from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError
from pipeline.phrasing import Phraser
from pipeline.ports import Phrase, Voice

log = logging.getLogger(__name__)

RATE = 24_000
"""Samples a second of every format; clients of `pcm` take it for granted."""
RETRY_AFTER_S = 1.0
"""When to come back if no place is free."""
_LANGUAGES_FAULT = {"voice_unknown", "language_unknown", "language_unsupported"}
"""What engines say of a language; a voice that they do not have is no failure to them."""


class SpeechCut(Exception):
    """A sound broke off after its beginning was sent: the connection must break too, or the client would think it whole."""


class SpeechApi:
    """The addresses in one gateway replica."""

    def __init__(self, config: Config, stages: Stages, voices: Voices, check: Callable[[], None]) -> None:
        """`check` raises what keeps the request out when the server has no time for it."""
        self._check = check
        self._api = config.api
        self._language = config.conversation.language
        self._patience_s = config.budget.tts_ms * config.budget.hedge_at / 1000
        self._stages = stages
        self._voices = voices
        self._places = Places(config.api.speeches, "texts are spoken", RETRY_AFTER_S)

    def routes(self) -> list[Route]:
        return [
            Route("/audio/speech", self, methods=["POST"]),
            Route("/audio/voices", self._show_voices, methods=["GET"]),
        ]

    @property
    def under_way(self) -> int:
        """Texts that are spoken now."""
        return self._places.taken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            self._check()
            with self._places.take():
                wanted = await read_request(request, self._api.speech_max_chars)
                await self._voices.check(wanted.voice)
                await unless_gone(self._answer(wanted, send), receive)
        except ParleyError as error:
            await refusal(error)(scope, receive, send)
        except ClientDisconnect:
            pass

    async def _answer(self, wanted: SpeechRequest, send: Send) -> None:
        """Sends nothing before there is sound, so a failure until then can still be told."""
        sse = wanted.stream_format == "sse"
        sound = encoded(self._sound(wanted), make_encoder(wanted.response_format, RATE), RATE)
        async with aclosing(_events(sound) if sse else sound) as parts:
            part = await _first(parts)
            media_type = "text/event-stream" if sse else MEDIA_TYPES[wanted.response_format]
            headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                while part is not None:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    part = await anext(parts, None)
            except ParleyError as error:
                log.warning("speech was cut: %s", error.code)
                raise SpeechCut(error.code) from None
        await send({"type": "http.response.body", "body": b""})

    def _sound(self, wanted: SpeechRequest) -> AsyncGenerator[bytes, None]:
        language = wanted.language or self._language
        phraser = Phraser(language)
        texts = [*phraser.push(wanted.input), *phraser.flush()]
        phrases = [Phrase(text, language, wanted.voice, wanted.speed) for text in texts]
        return read_aloud(self._stages, phrases, RATE, self._patience_s)

    # Voices

    async def _show_voices(self, _: Request) -> Response:
        try:
            listed = await self._voices.listed()
        except ParleyError as error:
            return refusal(error)
        names = {voice.name for voice in listed}
        always = [Voice(name, "", "one of this server's voices answers to it") for name in OPENAI_VOICES if name not in names]
        return JSONResponse({"voices": [_entry(voice) for voice in (*always, *listed)]})


async def _first(parts: AsyncGenerator[bytes, None]) -> bytes | None:
    try:
        return await anext(parts, None)
    except ParleyError as error:
        if error.code in _LANGUAGES_FAULT:
            raise ClientError("language_unsupported", "no voice here speaks this language", "language") from None
        raise


async def _events(sound: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    begun = False
    try:
        async with aclosing(sound):
            async for piece in sound:
                yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
                begun = True
    except ParleyError as error:
        if not begun:
            raise
        log.warning("speech was cut: %s", error.code)
        yield _event({"type": "error", **json.loads(bytes(refusal(error).body))})
        return
    # Clients want a number; nobody here counts tokens.
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def _entry(voice: Voice) -> dict[str, Any]:
    return {"id": voice.name, "name": voice.name, "language": voice.language or None, "description": voice.description}
