"""Failover, hedging and health, with engines that do as they are told, on a clock that jumps."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

import pytest

from actors import providers
from actors.providers import Providers
from pipeline.config import Config, Stage, load_config
from pipeline.engine_settings import Settings, SimRecogniser
from pipeline.errors import ProviderError, ProviderUnavailable
from tests.fakes.fake_time import run_in_fake_time

FAILED = ProviderError("provider_failed", "the line is dead")
Plan = str | BaseException | float
"""What an engine gives, or raises, or how many seconds it takes for that."""


class Engine:
    """Does what it was told, once each, and its last plan from then on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.plans: list[list[Plan]] = [[name]]
        self.asked = 0
        self.ended_at: list[float] = []
        """When each request was over, answered or not."""

    def will(self, *plans: list[Plan]) -> None:
        self.plans = list(plans)

    async def stream(self) -> AsyncGenerator[str, None]:
        self.asked += 1
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        try:
            for step in plan:
                match step:
                    case str():
                        yield step
                    case BaseException():
                        raise step
                    case float():
                        await asyncio.sleep(step)
        finally:
            self.ended_at.append(asyncio.get_running_loop().time())

    async def answer(self) -> str:
        return "".join([item async for item in self.stream()])


class Module:
    """Stands for an engine's module: `text` names the provider, or says what it lacks."""

    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}

    def why_unavailable(self, settings: Settings) -> str | None:
        assert isinstance(settings, SimRecogniser)
        return "it has no key" if settings.text == "no key" else None

    def make(self, settings: Settings, flows_dir: Path) -> Engine:
        assert isinstance(settings, SimRecogniser)
        if settings.text == "no weights":
            raise ProviderUnavailable("it has no weights")
        return self.engines.setdefault(settings.text, Engine(settings.text))


class Setting:
    """A stage; those in `reserve` hedge nobody."""

    def __init__(
        self, module: Module, *names: str, reserve: Collection[str] = (), patience_s: float = 1_000, **stage: Any
    ) -> None:
        engines = {name: SimRecogniser(text=name, hedges=name not in reserve) for name in names}
        self.stage: Stage[Any] = Stage(providers=names, engines=engines, **stage)
        self.providers: Providers[Engine] = Providers(self.stage, Path())
        self.engines = [module.engines[name] for name in names if name in module.engines]
        self.patience_s = patience_s
        self.did: list[str] = []

    async def answer(self) -> str:
        return await self.providers.answer(lambda engine: engine.answer(), self.patience_s, self.did)

    def begin(self) -> AsyncGenerator[str, None]:
        return self.providers.stream(lambda engine: engine.stream(), self.patience_s, self.did)

    async def stream(self) -> list[str]:
        return [item async for item in self.begin()]

    async def ask(self, way: str) -> str:
        """An answer, or the items of a stream."""
        return await self.answer() if way == "answer" else "".join(await self.stream())

    async def refused(self) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.answer()
        return caught.value

    def asked(self) -> list[int]:
        return [engine.asked for engine in self.engines]

    def states(self) -> list[str]:
        return [status["state"] for status in self.providers.status()]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    module = Module()
    monkeypatch.setattr(providers, "engine_module", lambda kind: module)
    return module


def in_fake_time(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_in_fake_time(job)


async def all_others() -> None:
    """Lets those that were cancelled come to their end."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


# Who answers


def test_the_first_that_can_answers(module: Module) -> None:
    setting = Setting(module, "first", "second")

    async def job() -> None:
        assert (await setting.answer(), await setting.stream()) == ("first", ["first"])
        assert setting.asked() == [2, 0]

    in_fake_time(job)


def test_when_one_fails_the_next_is_asked_in_order(module: Module) -> None:
    setting = Setting(module, "first", "second", "third")
    first, second, _ = setting.engines
    first.will([FAILED])
    second.will([ValueError("a surprise")])

    async def job() -> None:
        assert (await setting.answer(), await setting.stream()) == ("third", ["third"])
        assert setting.asked() == [2, 2, 2]

    in_fake_time(job)


def test_when_all_fail_the_last_failure_is_told(module: Module) -> None:
    setting = Setting(module, "first", "second")
    for engine, message in zip(setting.engines, ("one", "two"), strict=True):
        engine.will([ProviderError("provider_failed", message)])

    async def job() -> None:
        assert (await setting.refused()).message == "two"
        with pytest.raises(ProviderError, match="two"):
            await setting.stream()

    in_fake_time(job)


def test_a_surprise_of_an_engine_is_told_by_its_kind_alone(module: Module) -> None:
    setting = Setting(module, "first")
    setting.engines[0].will([ValueError("what the caller said")])

    async def job() -> None:
        error = await setting.refused()
        assert (error.code, error.message) == ("provider_failed", "first broke (ValueError)")

    in_fake_time(job)


def test_an_engine_that_cancels_itself_has_failed(module: Module) -> None:
    setting = Setting(module, "first", "second")

    async def job() -> None:
        setting.engines[0].will([asyncio.CancelledError()])
        assert await setting.answer() == "second"
        assert setting.providers.status()[0]["reason"] == "first broke (CancelledError)"

    in_fake_time(job)


# Time-outs


def test_one_that_does_not_answer_in_time_is_left_for_the_next(module: Module) -> None:
    setting = Setting(module, "first", "second", timeout_s=15)
    setting.engines[0].will([60.0, "first"])

    async def job() -> None:
        loop = asyncio.get_running_loop()
        assert await setting.answer() == "second"
        assert loop.time() == 15
        assert await setting.stream() == ["second"]
        assert loop.time() == 30
        assert setting.engines[0].ended_at == [15, 30]
        assert setting.providers.status()[0]["reason"] == "first did not answer in time"

    in_fake_time(job)


def test_each_item_of_a_stream_has_its_own_time(module: Module) -> None:
    setting = Setting(module, "first", timeout_s=15)
    setting.engines[0].will([10.0, "a", 10.0, "b", 20.0, "c"])

    async def job() -> None:
        stream = setting.begin()
        items = [await anext(stream)]
        await asyncio.sleep(100)  # a slow taker is not the provider's fault
        items.append(await anext(stream))
        with pytest.raises(ProviderError) as caught:
            await anext(stream)
        assert (items, caught.value.code) == (["a", "b"], "provider_timeout")

    in_fake_time(job)


# Streams


def test_a_stream_that_fails_before_its_first_item_goes_on_with_the_next(module: Module) -> None:
    setting = Setting(module, "first", "second")
    setting.engines[0].will([1.0, FAILED])

    async def job() -> None:
        assert await setting.stream() == ["second"]

    in_fake_time(job)


def test_a_stream_that_fails_after_its_first_item_fails(module: Module) -> None:
    setting = Setting(module, "first", "second")
    setting.engines[0].will(["a", "b", FAILED])

    async def job() -> None:
        stream = setting.begin()
        items = [await anext(stream), await anext(stream)]
        with pytest.raises(ProviderError) as caught:
            await anext(stream)
        assert (items, caught.value) == (["a", "b"], FAILED)
        assert setting.asked() == [1, 0]

    in_fake_time(job)


def test_a_stream_without_items_is_an_answer(module: Module) -> None:
    setting = Setting(module, "first", "second")
    setting.engines[0].will([])

    async def job() -> None:
        assert (await setting.stream(), setting.asked()) == ([], [1, 0])

    in_fake_time(job)


def test_a_stream_that_is_left_early_is_closed_and_is_no_failure(module: Module) -> None:
    setting = Setting(module, "first", break_after=1)
    setting.engines[0].will(["a", "b"])

    async def job() -> None:
        stream = setting.begin()
        assert await anext(stream) == "a"
        await stream.aclose()
        assert setting.engines[0].ended_at == [0]
        assert setting.states() == ["healthy"]

    in_fake_time(job)


# Hedging

BOTH_WAYS = pytest.mark.parametrize("way", ["answer", "stream"])
LATE = "first was late: asked second too"


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


# Health


def test_one_that_keeps_failing_is_left_alone_and_probed_back(module: Module) -> None:
    setting = Setting(module, "first", "second", break_after=3, probe_after_s=10)
    first, _ = setting.engines
    first.will([FAILED])

    async def job() -> None:
        for _ in range(5):
            assert await setting.answer() == "second"
        assert setting.asked() == [3, 5]
        assert setting.providers.status() == [
            {"name": "first", "state": "resting", "reason": "the line is dead"},
            {"name": "second", "state": "healthy", "reason": ""},
        ]
        await asyncio.sleep(10)
        assert await setting.answer() == "second"
        assert setting.asked() == [4, 6]
        await asyncio.sleep(9)
        assert await setting.answer() == "second"
        assert setting.asked() == [4, 7]
        await asyncio.sleep(1)
        first.will(["first"])
        assert [await setting.answer(), await setting.answer()] == ["first", "first"]
        assert setting.states() == ["healthy", "healthy"]

    in_fake_time(job)


def test_streams_that_break_off_count_as_failures_and_whole_ones_as_successes(module: Module) -> None:
    setting = Setting(module, "first", "second", break_after=2)
    setting.engines[0].will(["a", FAILED], ["a", "b"], ["a", FAILED])

    async def job() -> None:
        for whole in (False, True, False, False):
            assert setting.states() == ["healthy", "healthy"]
            if whole:
                assert await setting.stream() == ["a", "b"]
            else:
                with pytest.raises(ProviderError):
                    await setting.stream()
        assert setting.states() == ["resting", "healthy"]
        assert await setting.stream() == ["second"]

    in_fake_time(job)


def test_while_it_is_probed_others_do_not_wait_for_it(module: Module) -> None:
    setting = Setting(module, "first", "second", break_after=1, probe_after_s=10)
    setting.engines[0].will([FAILED], [5.0, "first"])

    async def job() -> None:
        await setting.answer()
        await asyncio.sleep(10)
        probe = asyncio.create_task(setting.answer())
        await asyncio.sleep(1)
        assert setting.states() == ["probing", "healthy"]
        assert await setting.answer() == "second"
        assert await probe == "first"
        assert setting.states() == ["healthy", "healthy"]

    in_fake_time(job)


def test_a_probe_is_not_spent_where_nobody_asks(module: Module) -> None:
    setting = Setting(module, "first", "second", break_after=1, probe_after_s=10)
    first, second = setting.engines
    first.will([FAILED], ["first"])
    second.will([FAILED], ["second"])

    async def job() -> None:
        await setting.refused()
        await asyncio.sleep(10)
        # The first is back; the second rests on, until it is needed.
        assert await setting.answer() == "first"
        assert setting.states() == ["healthy", "resting"]
        first.will([FAILED])
        assert await setting.answer() == "second"

    in_fake_time(job)


def test_when_all_rest_the_last_is_asked_all_the_same(module: Module) -> None:
    setting = Setting(module, "first", "second", break_after=1)
    first, second = setting.engines
    first.will([FAILED])
    second.will([FAILED], ["second"])

    async def job() -> None:
        await setting.refused()
        assert setting.states() == ["resting", "resting"]
        assert await setting.answer() == "second"
        assert setting.asked() == [1, 2]
        assert setting.states() == ["resting", "healthy"]

    in_fake_time(job)


@pytest.mark.parametrize("code", ["language_unsupported", "voice_unknown"])
def test_a_request_that_it_cannot_do_says_nothing_about_its_health(module: Module, code: str) -> None:
    setting = Setting(module, "first", "second", break_after=1)
    setting.engines[0].will([ProviderError(code, "not this one", retryable=False)])

    async def job() -> None:
        assert [await setting.answer(), await setting.answer()] == ["second", "second"]
        assert (setting.asked(), setting.states()) == ([2, 2], ["healthy", "healthy"])

    in_fake_time(job)


def test_a_request_that_is_cancelled_says_nothing_either(module: Module) -> None:
    setting = Setting(module, "first", break_after=1)
    setting.engines[0].will([5.0, "first"])

    async def job() -> None:
        task = asyncio.create_task(setting.answer())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await all_others()
        assert (setting.states(), setting.engines[0].ended_at) == (["healthy"], [1])

    in_fake_time(job)


# Who is there at all


def test_those_that_lack_something_say_what_and_are_not_asked(module: Module) -> None:
    setting = Setting(module, "no key", "no weights", "third")

    async def job() -> None:
        assert await setting.answer() == "third"

    in_fake_time(job)
    assert setting.providers.status() == [
        {"name": "no key", "state": "unavailable", "reason": "it has no key"},
        {"name": "no weights", "state": "unavailable", "reason": "it has no weights"},
        {"name": "third", "state": "healthy", "reason": ""},
    ]
    assert setting.providers.engines() == setting.engines


def test_without_any_it_cannot_begin(module: Module) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        Setting(module, "no key", "no weights")
    assert caught.value.message == "no provider is available (no key: it has no key; no weights: it has no weights)"


def test_failures_are_logged_without_keys_or_words(module: Module, caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting(module, "first", "second")
    setting.engines[0].will([FAILED])
    with caplog.at_level(logging.WARNING):
        in_fake_time(lambda: nothing(setting.answer()))
    assert caplog.messages == ["provider first failed: the line is dead [provider_failed]"]


async def nothing(job: Coroutine[Any, Any, Any]) -> None:
    await job


@pytest.mark.parametrize("stage", ["asr", "llm", "tts"])
def test_each_stage_of_a_machine_without_keys_has_somebody(stage: str) -> None:
    config: Config = load_config(None, (), {})
    names = {"asr": "sim", "llm": "flow", "tts": "espeak"}
    settings = getattr(config, stage)
    made: Providers[Any] = Providers(settings.model_copy(update={"providers": ("openai", names[stage])}), config.flows_dir)
    absent, present = made.status()
    assert (absent["state"], present["state"]) == ("unavailable", "healthy")
    assert "OPENAI_API_KEY" in absent["reason"]
