import asyncio

import pytest

from gateway.audio.reading import read_aloud
from pipeline.errors import ParleyError, ProviderError
from pipeline.ports import Phrase
from tests.gateway.audio.talkers import PIECE, Talkers, until

PHRASES = [Phrase(f"Phrase number {number}.", "en") for number in range(4)]


async def test_phrases_are_spoken_in_their_order() -> None:
    talkers = Talkers(pieces=2)
    sound = [pcm async for pcm in read_aloud(talkers, PHRASES, 24_000, 0.1)]
    assert (sound, talkers.asked, talkers.closed) == ([PIECE] * 8, PHRASES, 4)


async def test_the_next_phrase_is_asked_for_when_one_sounds_and_no_further_one() -> None:
    talkers = Talkers(pieces=2)
    talkers.held = {0: asyncio.Event(), 1: asyncio.Event()}
    sound = read_aloud(talkers, PHRASES, 24_000, 0.1)
    first = asyncio.ensure_future(anext(sound))
    await until(lambda: bool(talkers.asked))
    assert talkers.asked == PHRASES[:1]
    talkers.held[0].set()
    assert await first == PIECE
    assert await anext(sound) == PIECE
    assert talkers.asked == PHRASES[:2]
    await sound.aclose()
    assert talkers.closed == 2


async def test_little_is_made_for_a_listener_who_is_slow() -> None:
    talkers = Talkers(pieces=100)
    sound = read_aloud(talkers, PHRASES, 24_000, 0.1)
    await anext(sound)
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert talkers.made < 25
    await sound.aclose()


async def test_what_has_no_sound_is_a_short_silence() -> None:
    assert [pcm async for pcm in read_aloud(Talkers(pieces=0), PHRASES, 24_000, 0.1)] == [bytes(4_800)]
    assert [pcm async for pcm in read_aloud(Talkers(), [], 24_000, 0.1)] == [bytes(4_800)]


@pytest.mark.parametrize(
    ("error", "code"), [(ProviderError("provider_timeout", "late"), "provider_timeout"), (KeyError("secret"), "stage_failed")]
)
async def test_a_phrase_that_fails_ends_it_after_those_before(error: Exception, code: str) -> None:
    talkers = Talkers(fails={1: error})
    sound = read_aloud(talkers, PHRASES, 24_000, 0.1)
    assert await anext(sound) == PIECE
    with pytest.raises(ParleyError) as caught:
        await anext(sound)
    assert caught.value.code == code
    assert talkers.closed == len(talkers.asked) == 2
