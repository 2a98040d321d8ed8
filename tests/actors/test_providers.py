"""Failover and health, with engines that do as they are told, on a clock that jumps."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from actors.providers import Providers
from pipeline.config import Config
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.loading import load_config
from tests.actors.told_engines import FAILED, Module, Setting, all_others, in_fake_time, installed


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    return installed(monkeypatch)


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
