"""`POST /v1/audio/transcriptions`: a recording in, its words out, as OpenAI's clients ask for it.

A place among `api.transcriptions` is taken before the first byte is read; where none is free the request is refused with 429
at once, and with 503 where conversations would suffer by it. A client that leaves stops the work. A failure before the first
words is an HTTP status, also of a stream; later it is the stream's last event.
"""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from actors.stages import Stages
from gateway.audio.decoding import Recording, recording
from gateway.audio.hearing import Hearing
from gateway.audio.leaving import unless_gone
from gateway.audio.places import Places
from gateway.audio.transcription_form import Wanted, read_wanted
from gateway.audio.uploads import the_file, uploaded
from gateway.rest import refusal
from pipeline.config import Config
from pipeline.errors import ParleyError
from pipeline.subtitles import Passage, segment_entries, segments, srt, vtt, whole_text, word_entries

RETRY_AFTER_S = 5.0
"""When to come back if no place is free."""
UNKNOWN_LANGUAGE = "und"


class Transcriptions:
    """The address in one gateway replica."""

    def __init__(self, config: Config, stages: Stages, check: Callable[[], None]) -> None:
        """`check` raises what keeps the request out when the server has no time for it."""
        self._check = check
        self._api = config.api
        self._hearing = Hearing(config, stages)
        self._places = Places(config.api.transcriptions, "files are transcribed", RETRY_AFTER_S)

    def routes(self) -> list[Route]:
        return [Route("/audio/transcriptions", self, methods=["POST"])]

    @property
    def under_way(self) -> int:
        """Files that are uploaded or transcribed now."""
        return self._places.taken

    @property
    def waiting_pieces(self) -> int:
        """Pieces of files that wait for recognition."""
        return self._hearing.waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check()
            with self._places.take():
                await self._serve(Request(scope, receive), send)
        except ParleyError as error:
            await refusal(error)(scope, receive, send)
        except ClientDisconnect:
            pass

    async def _serve(self, request: Request, send: Send) -> None:
        async with uploaded(request, self._api) as form:
            wanted = read_wanted(form)
            file = the_file(form, self._api)
            answering = self._answer(wanted, file.file, request.scope, send)
            await unless_gone(answering, request.receive)

    async def _answer(self, wanted: Wanted, file: Any, scope: Scope, send: Send) -> None:
        async with (
            recording(file, self._api.max_audio_s) as opened,
            aclosing(self._hearing.passages(opened, wanted)) as passages,
        ):
            if wanted.stream:
                events = _events(await anext(passages, None), passages, opened)
                answer: Response = StreamingResponse(events, media_type="text/event-stream")
            else:
                heard = [passage async for passage in passages]
                answer = _whole(heard, wanted, opened.seconds)
            # Who has left is noticed outside; an answer that looks too would take the message away.
            await answer(scope, _never, send)


def _whole(heard: Sequence[Passage], wanted: Wanted, seconds: float) -> Response:
    text = whole_text(heard)
    match wanted.format:
        case "json":
            return JSONResponse({"text": text, "usage": _usage(seconds)})
        case "text":
            return PlainTextResponse(f"{text}\n")
        case "srt":
            return PlainTextResponse(srt(segments(heard)))
        case "vtt":
            return PlainTextResponse(vtt(segments(heard)))
        case "verbose_json":
            return JSONResponse(_verbose(heard, wanted, seconds, text))


def _verbose(heard: Sequence[Passage], wanted: Wanted, seconds: float, text: str) -> dict[str, Any]:
    spoken = [passage.transcript.language for passage in heard if passage.transcript.text]
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": next(filter(None, spoken), wanted.language or UNKNOWN_LANGUAGE),
        "duration": round(seconds, 3),
        "text": text,
        "usage": _usage(seconds),
    }
    if "segment" in wanted.granularities:
        body["segments"] = segment_entries(segments(heard))
    if "word" in wanted.granularities:
        body["words"] = word_entries(word for passage in heard for word in passage.words)
    return body


async def _events(first: Passage | None, others: AsyncGenerator[Passage, None], opened: Recording) -> AsyncGenerator[str, None]:
    heard: list[Passage] = []
    passage = first
    try:
        while passage is not None:
            if text := passage.transcript.text:
                space = " " if whole_text(heard) else ""
                yield _event({"type": "transcript.text.delta", "delta": space + text})
            heard.append(passage)
            passage = await anext(others, None)
    except ParleyError as error:
        yield _event({"type": "error", **json.loads(bytes(refusal(error).body))})
        return
    # The event's type knows usage in tokens only; nobody here counts them, so they are 0, and the seconds stand beside.
    none = {"type": "tokens", "input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    usage = none | {"seconds": math.ceil(opened.seconds)}
    yield _event({"type": "transcript.text.done", "text": whole_text(heard), "usage": usage})


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def _usage(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(seconds)}


async def _never() -> Message:
    return await asyncio.get_running_loop().create_future()
