"""The address as OpenAI's client uses it, and as one does who means no good."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from openai import APIError, APIStatusError, AsyncOpenAI
from openai.types.audio import Transcription, TranscriptionStreamEvent, TranscriptionVerbose
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Mount

from actors.stages import LocalStages
from gateway.audio.transcriptions import Transcriptions
from pipeline.config import Config
from pipeline.errors import ProviderError
from pipeline.loading import load_config
from pipeline.ports import Samples, Transcript, Utterance, Word
from tests.actors.spoken import spoken
from tests.gateway.audio.audio_files import CODECS, audio_file, plain_wav, tone
from tests.gateway.audio.hearing_stages import HearingStages, until
from tests.gateway.audio.rooms import no_room, room

EVENT: TypeAdapter[Any] = TypeAdapter(TranscriptionStreamEvent)
TEXT = "Good morning. How are you?"
WORDS = tuple(Word(text, 0.2 * number, 0.2 * number + 0.15) for number, text in enumerate(TEXT.split()))
HEARD = Transcript(TEXT, "en", 0.5, WORDS)
FILE = ("speech.wav", audio_file(tone(1.5)))
LONG = ("speech.wav", audio_file(tone(5)))


def config(*overrides: str) -> Config:
    return load_config(None, ["api.piece_s=2", "api.pieces_per_file=1", *overrides], {})


def hears(number: int, utterance: Utterance) -> Transcript:
    return HEARD


def made(stages: Any = None, *overrides: str, check: Callable[[], None] = room) -> Transcriptions:
    return Transcriptions(config(*overrides), stages or HearingStages(hears), check)


PATH = "/v1/audio/transcriptions"


def app(served: Transcriptions) -> Starlette:
    return Starlette(routes=[Mount("/v1", routes=served.routes())])


def http(served: Transcriptions) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app(served)), base_url="http://server")


@asynccontextmanager
async def official(served: Transcriptions) -> AsyncIterator[Any]:
    async with AsyncOpenAI(api_key="any", base_url="http://server/v1", http_client=http(served), max_retries=0) as client:
        yield client.audio.transcriptions


async def asked(served: Transcriptions, **wishes: Any) -> Any:
    async with official(served) as transcriptions:
        return await transcriptions.create(**{"file": FILE, "model": "whisper-1", **wishes})


# What comes back


async def test_json() -> None:
    answer = await asked(made())
    expected = {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
    assert Transcription.model_validate(answer.model_dump()).model_dump(exclude_none=True) == expected


async def test_text() -> None:
    assert await asked(made(), response_format="text") == f"{TEXT}\n"


async def test_srt() -> None:
    assert await asked(made(), response_format="srt") == (
        "1\n00:00:00,000 --> 00:00:00,350\nGood morning.\n\n2\n00:00:00,400 --> 00:00:00,950\nHow are you?\n\n"
    )


async def test_vtt() -> None:
    assert await asked(made(), response_format="vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.350\nGood morning.\n\n00:00:00.400 --> 00:00:00.950\nHow are you?\n\n"
    )


async def test_verbose_json() -> None:
    answer = await asked(made(), response_format="verbose_json", temperature=0.3)
    verbose = TranscriptionVerbose.model_validate(answer.model_dump())
    assert (verbose.text, verbose.language, verbose.duration, verbose.words) == (TEXT, "en", 1.5, None)
    assert [(segment.id, segment.start, segment.end, segment.text) for segment in verbose.segments or ()] == [
        (0, 0.0, 0.35, "Good morning."),
        (1, 0.4, 0.95, "How are you?"),
    ]
    assert verbose.usage
    assert verbose.usage.model_dump() == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize(("granularities", "segments"), [(["word"], None), (["word", "segment"], 2)])
async def test_words_have_times_where_asked_for(granularities: list[str], segments: int | None) -> None:
    answer = await asked(made(), response_format="verbose_json", timestamp_granularities=granularities)
    verbose = TranscriptionVerbose.model_validate(answer.model_dump())
    assert [(word.word, word.start, word.end) for word in verbose.words or ()] == [
        (word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in WORDS
    ]
    assert (verbose.segments and len(verbose.segments)) == segments


async def test_times_of_later_pieces_count_from_the_start() -> None:
    stages = HearingStages(lambda number, _: Transcript("hello", "en", words=(Word("hello", 0.5, 0.9),)))
    answer = await asked(made(stages), file=LONG, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    starts = np.cumsum([0, *[len(utterance.samples) / 16_000 for utterance in stages.asked[:-1]]])
    assert [word.start for word in answer.words] == [pytest.approx(start + 0.5, abs=0.001) for start in starts]
    assert [segment.end for segment in answer.segments] == [pytest.approx(start + 0.9, abs=0.001) for start in starts]
    assert len(starts) > 2


async def test_a_stream() -> None:
    stages = HearingStages(lambda number, _: ["one", "", "three"][number] if number < 3 else "more")
    stream = await asked(made(stages), file=LONG, stream=True, include=["logprobs"])
    events = [EVENT.validate_python(event.model_dump(exclude_unset=True)) async for event in stream]
    *deltas, done = events
    assert [event.type for event in events] == ["transcript.text.delta"] * len(deltas) + ["transcript.text.done"]
    assert [event.delta for event in deltas[:2]] == ["one", " three"]
    assert "".join(event.delta for event in deltas) == done.text
    assert done.usage.model_dump() == {
        "type": "tokens",
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "input_token_details": None,
        "seconds": 5,
    }


async def test_a_stream_that_begins_with_silence_begins_with_a_word() -> None:
    stages = HearingStages(lambda number, _: "word" if number else "")
    stream = await asked(made(stages), file=LONG, stream=True)
    assert [event.delta async for event in stream if event.type == "transcript.text.delta"][:2] == ["word", " word"]


async def test_silence_is_an_empty_text() -> None:
    silence = ("silence.wav", audio_file(np.zeros(16_000, np.int16)))
    assert (await asked(made(), file=silence)).text == ""
    stream = await asked(made(), file=silence, stream=True)
    assert [(event.type, event.text) async for event in stream] == [("transcript.text.done", "")]
    verbose = await asked(made(), file=silence, response_format="verbose_json")
    assert (verbose.language, verbose.segments, verbose.duration) == ("und", [], 1.0)


async def test_no_sound_at_all_is_an_empty_text() -> None:
    assert (await asked(made(), file=("none.wav", plain_wav(tone(0), 16_000)))).text == ""


@pytest.mark.parametrize("ending", CODECS)
async def test_every_format_of_files(ending: str) -> None:
    stages = HearingStages(hears)
    answer = await asked(made(stages), file=(f"speech.{ending}", audio_file(tone(1.5), ending)))
    [utterance] = stages.asked
    assert (answer.text, len(utterance.samples) / 16_000) == (TEXT, pytest.approx(1.5, abs=0.15))


async def test_language_and_prompt_reach_recognition() -> None:
    stages = HearingStages(hears)
    await asked(made(stages), language="de-AT", prompt="Parley, Dr. Meyer")
    assert [(utterance.language, utterance.prompt) for utterance in stages.asked] == [("de", "Parley, Dr. Meyer")]


# What is refused


async def refusal(served: Transcriptions, **wishes: Any) -> tuple[int, Any]:
    with pytest.raises(APIStatusError) as caught:
        await asked(served, **wishes)
    body: Any = caught.value.body
    assert set(body) == {"message", "type", "param", "code"}
    return caught.value.status_code, (body["code"], body["param"])


@pytest.mark.parametrize(
    ("wishes", "status", "code"),
    [
        ({"model": ""}, 400, ("model_missing", "model")),
        ({"language": "klingon"}, 400, ("language_invalid", "language")),
        ({"temperature": 2}, 400, ("temperature_invalid", "temperature")),
        ({"response_format": "diarized_json"}, 400, ("format_unsupported", "response_format")),
        ({"timestamp_granularities": ["word"]}, 400, ("granularity_invalid", "timestamp_granularities")),
        ({"stream": True, "response_format": "srt"}, 400, ("format_unsupported", "response_format")),
        ({"file": ("a.wav", b"")}, 400, ("file_empty", "file")),
        ({"file": ("a.wav", b"no sound" * 100)}, 400, ("file_unreadable", "file")),
        ({"file": ("a.wav", b"no sound" * 100), "stream": True}, 400, ("file_unreadable", "file")),
        ({"file": ("a.wav", b"a" * 900_000)}, 413, ("file_too_big", "file")),
        ({"file": ("a.wav", audio_file(tone(12)))}, 413, ("audio_too_long", "file")),
    ],
)
async def test_what_cannot_be_done_has_a_code(wishes: dict[str, Any], status: int, code: Any) -> None:
    served = made(None, "api.max_upload_bytes=800000", "api.max_audio_s=10")
    assert await refusal(served, **wishes) == (status, code)
    assert served.under_way == 0


async def test_only_posts_are_taken() -> None:
    async with http(made()) as client:
        assert (await client.get(PATH)).status_code == 405


def fails_at(place: int) -> HearingStages:
    failure = ProviderError("provider_timeout", "whisper did not answer in time")
    return HearingStages(lambda number, _: failure if number == place else "hello")


@pytest.mark.parametrize(("place", "stream"), [(0, False), (1, False), (0, True)])
async def test_recognition_that_fails_before_an_answer_is_a_status(place: int, stream: bool) -> None:
    assert await refusal(made(fails_at(place)), file=LONG, stream=stream) == (502, ("provider_timeout", None))


async def test_recognition_that_fails_within_a_stream_is_its_last_event() -> None:
    stream = await asked(made(fails_at(1)), file=LONG, stream=True)
    deltas: list[str] = []

    async def read() -> None:
        async for event in stream:
            deltas.append(event.delta)  # noqa: PERF401 - what came before the failure must be kept

    with pytest.raises(APIError, match="did not answer in time") as caught:
        await read()
    assert (deltas, caught.value.code) == (["hello"], "provider_timeout")


async def test_where_conversations_would_suffer_no_file_is_taken() -> None:
    served = made(check=no_room)
    async with http(served) as client:
        answer = await client.post(PATH, files={"file": FILE}, data={"model": "any"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (answer.json()["error"]["code"], served.under_way) == ("server_busy", 0)


async def test_more_than_can_be_done_is_refused_at_once_and_told_when_to_come_back() -> None:
    stages = HearingStages(hears, hold=True)
    served = made(stages, "api.transcriptions=2")
    busy = [asyncio.create_task(asked(served)) for _ in range(2)]
    await stages.until_asked(2)
    async with http(served) as client:
        answer = await client.post(PATH, files={"file": FILE}, data={"model": "any"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    await stages.release(2)
    assert [answer.text for answer in await asyncio.gather(*busy)] == [TEXT] * 2
    assert (served.under_way, served.waiting_pieces) == (0, 0)


# Who leaves


class Visitor:
    """A client on bare ASGI, that may leave when it likes."""

    def __init__(self, served: Transcriptions, **fields: str) -> None:
        request = httpx.Request("POST", f"http://server{PATH}", files={"file": LONG}, data={"model": "any", **fields})
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        self.scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b""}
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: list[Any] = []
        self.incoming.put_nowait({"type": "http.request", "body": request.read(), "more_body": False})
        self.task = asyncio.create_task(app(served)(self.scope, self.incoming.get, self._take))

    async def _take(self, message: Any) -> None:
        self.got.append(message)

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


async def test_who_leaves_is_not_worked_for() -> None:
    stages = HearingStages(hears, hold=True)
    served = made(stages)
    visitor = Visitor(served)
    await stages.until_asked(1)
    visitor.leave()
    await visitor.task
    assert (stages.cancelled, stages.under_way, len(stages.asked), served.under_way, visitor.got) == (1, 0, 1, 0, [])


async def test_who_leaves_a_stream_is_not_worked_for() -> None:
    stages = HearingStages(hears, hold=True)
    served = made(stages)
    visitor = Visitor(served, stream="true")
    await stages.until_asked(1)
    await stages.release(1)
    await stages.until_asked(2)
    await until(lambda: len(visitor.got) == 2)
    visitor.leave()
    await visitor.task
    assert (stages.cancelled, stages.under_way, len(stages.asked), served.under_way) == (1, 0, 2, 0)
    event = json.loads(visitor.got[1]["body"].removeprefix(b"data: "))
    assert event == {"type": "transcript.text.delta", "delta": TEXT}


async def test_a_server_that_stops_stops_the_work() -> None:
    stages = HearingStages(hears, hold=True)
    served = made(stages)
    visitor = Visitor(served)
    await stages.until_asked(1)
    visitor.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visitor.task
    assert (stages.cancelled, stages.under_way, served.under_way) == (1, 0, 0)


# With the recogniser that comes along


@pytest.fixture(scope="module")
def speech() -> Samples:
    return spoken("Thank you very much for your help, and have a good day.")


async def test_the_offline_recogniser_hears_freely(speech: Samples) -> None:
    settings = load_config(None, ["asr.providers=[sphinx]", "llm.providers=[sim]", "tts.providers=[sim]"], {})
    served = Transcriptions(settings, LocalStages(settings), room)
    file = ("speech.mp3", audio_file(speech, "mp3"))
    verbose = await asked(served, file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    # Which words it hears in a synthetic voice differs from run to run.
    assert len(verbose.words) > 3
    assert [word.word for word in verbose.words] == verbose.text.split()
    times = [time_s for word in verbose.words for time_s in (word.start, word.end)]
    assert (times == sorted(times), times[-1] <= verbose.duration + 0.1) == (True, True)
    assert " ".join(segment.text for segment in verbose.segments) == verbose.text
    assert (verbose.language, await refusal(served, file=file, language="fr")) == (
        "en",
        (400, ("language_unsupported", "language")),
    )
