"""Which voices may be asked for, as far as the stage that speaks can tell."""

from typing import Any, cast

import pytest

from actors.engines.voices import OPENAI_VOICES
from actors.stages import Stages
from gateway.voices import Voices
from pipeline.errors import ClientError, ServerError
from pipeline.ports import Voice

LISTED = (Voice("en-gb", "en", "a voice"), Voice("f3", "", "a manner"))


class Stage:
    def __init__(self, failures: int = 0) -> None:
        self.asked = 0
        self.failures = failures

    async def voices(self) -> tuple[Voice, ...]:
        self.asked += 1
        if self.asked <= self.failures:
            raise ConnectionError
        return LISTED


def voices(stage: Stage) -> Voices:
    return Voices(cast(Stages, cast(Any, stage)))


async def test_the_stage_is_asked_once() -> None:
    stage = Stage()
    known = voices(stage)
    assert [await known.listed(), await known.listed()] == [LISTED, LISTED]
    assert await known.names() == {"en-gb", "f3", *OPENAI_VOICES}
    assert stage.asked == 1


async def test_while_it_cannot_tell_any_may_be_asked_for() -> None:
    known = voices(Stage(failures=3))
    with pytest.raises(ServerError) as failure:
        await known.listed()
    assert failure.value.code == "stage_failed"
    assert await known.names() == frozenset()
    await known.check("nobody")
    with pytest.raises(ClientError):
        await known.check("nobody")


@pytest.mark.parametrize("name", ["", "alloy", "en-gb", "en-gb+f3"])
async def test_what_is_listed_may_be_asked_for(name: str) -> None:
    await voices(Stage()).check(name)


@pytest.mark.parametrize("name", ["nobody", "en-gb+f9", "EN-GB"])
async def test_what_is_not_is_refused(name: str) -> None:
    with pytest.raises(ClientError) as refusal:
        await voices(Stage()).check(name)
    assert (refusal.value.code, refusal.value.param) == ("voice_unknown", "voice")
