"""Who is late is hedged: the next is asked beside it, and the first to answer is taken."""

import asyncio
import gc

import pytest

from pipeline import figures as of
from pipeline.config import Config
from pipeline.errors import ProviderError
from tests.actors.told_engines import FAILED, Engine, Module, Setting, all_others, in_fake_time, installed

BOTH_WAYS = pytest.mark.parametrize("way", ["answer", "stream"])
LATE = "first was late: asked second too"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    return installed(monkeypatch)


@BOTH_WAYS
def test_one_that_is_late_is_hedged_and_the_faster_answers(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    first, second = setting.engines
    first.will([5.0, "first"])
    second.will([0.5, "second"])

    async def job() -> None:
        assert await setting.ask(way) == "second"
        await all_others()
        assert (first.ended_at, second.ended_at) == ([0.75], [0.75])
        assert setting.did == [LATE]
        # Who was merely late has not failed.
        assert setting.states() == ["healthy", "healthy"]

    in_fake_time(job)


@BOTH_WAYS
def test_what_became_of_the_requests_is_counted(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    first, second = setting.engines
    first.will([0.5, FAILED])
    second.will([5.0, "second"])

    async def job() -> None:
        await setting.ask(way)
        counted = setting.providers.figures("tts")
        assert of.values(counted, of.PROVIDER_REQUESTS) == {("first",): 1, ("second",): 1}
        assert of.values(counted, of.PROVIDER_HEDGES) == {("second",): 1}
        assert of.values(counted, of.PROVIDER_FAILURES) == {("first",): 1}
        states = {("tts", "first", "resting"): 1, ("tts", "second", "healthy"): 1}
        assert of.values(counted, of.PROVIDER_STATE) == states

    in_fake_time(job)


@BOTH_WAYS
def test_one_that_is_in_time_is_not(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25)
    setting.engines[0].will([0.24, "first"])

    async def job() -> None:
        assert await setting.ask(way) == "first"
        assert (setting.asked(), setting.did) == ([1, 0], [])

    in_fake_time(job)


@BOTH_WAYS
def test_one_that_was_late_may_still_be_the_faster(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    first, second = setting.engines
    first.will([0.5, "first"])
    second.will([5.0, "second"])

    async def job() -> None:
        assert await setting.ask(way) == "first"
        await all_others()
        assert (first.ended_at, second.ended_at) == ([0.5], [0.5])
        assert (setting.did, setting.states()) == ([LATE], ["healthy", "healthy"])

    in_fake_time(job)


@BOTH_WAYS
def test_when_the_hedge_is_late_too_there_is_another(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", "third", patience_s=0.25)
    first, second, third = setting.engines
    first.will([5.0, "first"])
    second.will([5.0, "second"])
    third.will([0.5, "third"])

    async def job() -> None:
        assert await setting.ask(way) == "third"
        await all_others()
        assert [engine.ended_at for engine in setting.engines] == [[1.0]] * 3
        assert setting.did == [LATE, "first, second was late: asked third too"]

    in_fake_time(job)


@BOTH_WAYS
def test_a_hedge_that_fails_leaves_the_slow_one_to_answer(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    first, second = setting.engines
    first.will([5.0, "first"])
    second.will([0.5, FAILED])

    async def job() -> None:
        assert await setting.ask(way) == "first"
        assert (first.ended_at, second.ended_at) == ([5], [0.75])
        assert (setting.did, setting.states()) == ([LATE], ["healthy", "resting"])

    in_fake_time(job)


def test_a_hedge_that_fails_is_hedged_at_once(module: Module) -> None:
    setting = Setting(module, "first", "second", "third", patience_s=0.25)
    first, second, _ = setting.engines
    first.will([5.0, "first"])
    second.will([0.125, FAILED])

    async def job() -> None:
        assert await setting.answer() == "third"
        assert asyncio.get_running_loop().time() == 0.375
        assert setting.did == [LATE, "first was late: asked third too"]

    in_fake_time(job)


@BOTH_WAYS
def test_when_both_fail_the_last_failure_is_told(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    first, second = setting.engines
    first.will([5.0, ProviderError("provider_failed", "one")])
    second.will([0.5, ProviderError("provider_failed", "two")])

    async def job() -> None:
        with pytest.raises(ProviderError, match="one"):
            await setting.ask(way)
        assert asyncio.get_running_loop().time() == 5
        assert setting.states() == ["resting", "resting"]

    in_fake_time(job)


@BOTH_WAYS
def test_one_in_reserve_is_asked_only_when_the_others_failed(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", "last", reserve=["last"], patience_s=0.25)
    first, second, last = setting.engines
    first.will([3.0, "first"], [3.0, FAILED])
    second.will([5.0, "second"], [5.0, FAILED])

    async def job() -> None:
        assert await setting.ask(way) == "first"
        assert (setting.asked(), setting.did) == ([1, 1, 0], [LATE])
        assert await setting.ask(way) == "last"
        await all_others()
        assert last.ended_at == [3 + 0.25 + 5]

    in_fake_time(job)


def test_those_that_do_it_another_way_are_in_reserve() -> None:
    config = Config()
    engines = {**config.asr.engines, **config.llm.engines, **config.tts.engines}
    assert {name for name, settings in engines.items() if not settings.hedges} == {"sphinx", "flow", "espeak"}


def test_each_has_its_own_time(module: Module) -> None:
    setting = Setting(module, "first", "second", patience_s=1, timeout_s=15, break_after=1)
    first, second = setting.engines
    first.will([60.0, "first"])
    second.will([14.5, "second"])

    async def job() -> None:
        assert await setting.answer() == "second"
        assert (first.ended_at, second.ended_at) == ([15], [15.5])
        assert setting.states() == ["resting", "healthy"]

    in_fake_time(job)


def test_one_that_rests_hedges_nobody(module: Module) -> None:
    setting = Setting(module, "first", "second", "third", patience_s=0.25, break_after=1)
    first, second, _ = setting.engines
    first.will([5.0, "first"])
    second.will([FAILED])

    async def job() -> None:
        assert await setting.answer() == "third"
        setting.did.clear()
        assert await setting.answer() == "third"
        assert (setting.asked(), setting.did) == ([2, 1, 2], ["first was late: asked third too"])

    in_fake_time(job)


def test_a_stream_is_hedged_before_its_first_item_only(module: Module) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25)
    setting.engines[0].will(["a", 5.0, "b"])

    async def job() -> None:
        assert await setting.stream() == ["a", "b"]
        assert (setting.asked(), setting.did) == ([1, 0], [])

    in_fake_time(job)


def test_of_two_that_begin_in_the_same_moment_one_is_closed_at_once(module: Module) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25)
    first, second = setting.engines
    first.will([0.5, "a", 5.0, "b"])
    second.will([0.25, "c", 5.0, "d"])

    async def job() -> None:
        assert await setting.stream() == ["a", "b"]
        assert (first.ended_at, second.ended_at) == ([5.5], [0.5])

    in_fake_time(job)


@BOTH_WAYS
def test_who_is_cancelled_cancels_all(module: Module, way: str) -> None:
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    for engine in setting.engines:
        engine.will([5.0, "late"])

    async def job() -> None:
        asking = asyncio.create_task(setting.ask(way))
        await asyncio.sleep(1)
        asking.cancel()
        await all_others()
        assert asking.cancelled()
        assert [engine.ended_at for engine in setting.engines] == [[1], [1]]
        assert setting.states() == ["healthy", "healthy"]

    in_fake_time(job)


def test_a_loser_that_fails_while_it_is_cancelled_says_nothing(module: Module, caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Engine):
        async def answer(self) -> str:
            try:
                return await super().answer()
            except asyncio.CancelledError:
                raise FAILED from None

    module.engines["first"] = Stubborn("first")
    setting = Setting(module, "first", "second", patience_s=0.25, break_after=1)
    setting.engines[0].will([5.0, "first"])

    async def job() -> None:
        assert await setting.answer() == "second"
        await asyncio.sleep(1)
        gc.collect()
        assert setting.states() == ["healthy", "healthy"]

    in_fake_time(job)
    assert caplog.messages == []
