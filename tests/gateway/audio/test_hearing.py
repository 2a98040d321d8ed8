import asyncio
import io
from contextlib import aclosing

import numpy as np
import pytest

from gateway.audio.decoding import recording
from gateway.audio.hearing import Hearing
from gateway.audio.transcription_form import Wanted
from pipeline.config import Config
from pipeline.errors import ClientError, ParleyError, ProviderError
from pipeline.loading import load_config
from pipeline.ports import Samples, Transcript, Utterance
from pipeline.subtitles import Passage
from tests.gateway.audio.audio_files import audio_file, tone
from tests.gateway.audio.hearing_stages import HearingStages, until

WANTED = Wanted("en", "Parley", "json", frozenset(), False)
OPEN = Wanted("", "", "json", frozenset(), False)
FILE = tone(10)


def config(*overrides: str) -> Config:
    return load_config(None, ["api.piece_s=2", *overrides], {})


async def heard(hearing: Hearing, wanted: Wanted = WANTED, samples: Samples = FILE) -> list[Passage]:
    async with recording(io.BytesIO(audio_file(samples)), 7_200) as opened:
        return [passage async for passage in hearing.passages(opened, wanted)]


def texts(passages: list[Passage]) -> list[str]:
    return [passage.transcript.text for passage in passages]


async def test_a_long_recording_is_heard_in_pieces_and_in_their_order() -> None:
    stages = HearingStages(hold=True)
    hearing = Hearing(config("api.pieces_per_file=3"), stages)
    listening = asyncio.create_task(heard(hearing))
    await stages.until_asked(3)
    await stages.release(10)
    passages = await listening
    count = len(stages.asked)
    assert (count >= 5, stages.most_at_once) == (True, 3)
    assert texts(passages) == [f"piece {number}" for number in range(count)]
    assert [passage.start_s for passage in passages[1:]] == [passage.end_s for passage in passages[:-1]]
    assert (passages[0].start_s, passages[-1].end_s) == (0.0, 10.0)
    assert np.array_equal(np.concatenate([utterance.samples for utterance in stages.asked]), FILE)


async def test_what_is_asked() -> None:
    stages = HearingStages()
    await heard(Hearing(config("asr.timeout_s=9"), stages), samples=tone(1))
    [utterance] = stages.asked
    assert (utterance.language, utterance.prompt, utterance.phrases, stages.patience) == ("en", "Parley", (), {9.0})


async def test_a_file_is_read_only_as_far_as_its_pieces_need_it() -> None:
    stages = HearingStages(hold=True)
    hearing = Hearing(config("api.pieces_per_file=2"), stages)
    async with recording(io.BytesIO(audio_file(tone(60))), 7_200) as opened:
        async with aclosing(hearing.passages(opened, WANTED)) as passages:
            first = asyncio.ensure_future(anext(passages))
            await stages.until_asked(2)
            await stages.release(1)
            await first
        assert opened.seconds < 20
    assert (stages.under_way, stages.cancelled) == (0, 1)


async def test_all_files_share_the_places_and_wait_for_them_here() -> None:
    stages = HearingStages(hold=True)
    hearing = Hearing(config("api.pieces_per_file=2", "api.pieces_at_once=3"), stages)
    files = [asyncio.create_task(heard(hearing)) for _ in range(3)]
    await stages.until_asked(3)
    await until(lambda: hearing.waiting == 3)
    assert len(stages.asked) == 3
    await stages.release(100)
    assert [len(passages) for passages in await asyncio.gather(*files)] == [len(stages.asked) // 3] * 3
    assert (stages.most_at_once, hearing.waiting) == (3, 0)


async def test_a_short_file_passes_a_long_one() -> None:
    stages = HearingStages(hold=True)
    hearing = Hearing(config("api.pieces_per_file=1", "api.pieces_at_once=1"), stages)
    long = asyncio.create_task(heard(hearing))
    await stages.until_asked(1)
    short = asyncio.create_task(heard(hearing, samples=tone(1)))
    await until(lambda: hearing.waiting)
    await stages.release(2)
    assert texts(await short) == ["piece 1"]
    assert not long.done()
    await stages.release(100)
    assert texts(await long)[:2] == ["piece 0", "piece 2"]


async def test_silence_is_not_asked_about() -> None:
    stages = HearingStages()
    silence = np.zeros(16_000 * 5, np.int16)
    assert set(texts(await heard(Hearing(config(), stages), samples=silence))) == {""}
    assert stages.asked == []


@pytest.mark.parametrize(
    ("raised", "code"), [(ProviderError("provider_timeout", "late"), "provider_timeout"), (OSError("private"), "stage_failed")]
)
async def test_a_piece_that_fails_fails_the_whole_and_stops_the_rest(raised: Exception, code: str) -> None:
    class Broken(HearingStages):
        async def transcribe(self, utterance: Utterance, patience_s: float):
            if len(self.asked) == 1:
                self.asked.append(utterance)
                raise raised
            return await super().transcribe(utterance, patience_s)

    stages = Broken()
    hearing = Hearing(config("api.pieces_per_file=2"), stages)
    with pytest.raises(ParleyError) as caught:
        await heard(hearing)
    assert (caught.value.code, stages.under_way, hearing.places._value) == (code, 0, Config().api.pieces_at_once)


def only_english(number: int, utterance: Utterance) -> str | ParleyError:
    if utterance.language == "en":
        return "hello"
    return ProviderError("language_unsupported", f"sphinx cannot hear {utterance.language!r}", retryable=False)


async def test_without_a_language_the_recogniser_finds_it_out() -> None:
    stages = HearingStages(lambda number, utterance: Transcript("hallo", "de"))
    [passage] = await heard(Hearing(config(), stages), OPEN, tone(1))
    assert (passage.transcript.language, [utterance.language for utterance in stages.asked]) == ("de", [""])


async def test_where_it_cannot_the_servers_language_counts_from_then_on() -> None:
    stages = HearingStages(only_english)
    passages = await heard(Hearing(config("api.pieces_per_file=1"), stages), OPEN)
    assert set(texts(passages)) == {"hello"}
    assert [utterance.language for utterance in stages.asked] == ["", *["en"] * len(passages)]


async def test_a_language_that_nobody_hears_is_the_clients_fault_if_it_named_it() -> None:
    with pytest.raises(ClientError) as caught:
        await heard(Hearing(config(), HearingStages(only_english)), Wanted("fr", "", "json", frozenset(), False), tone(1))
    assert (caught.value.code, caught.value.param) == ("language_unsupported", "language")
    spanish = Hearing(config("conversation.language=es"), HearingStages(only_english))
    with pytest.raises(ProviderError, match="language_unsupported"):
        await heard(spanish, OPEN, tone(1))
