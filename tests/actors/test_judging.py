"""Windows of many callers go to the detector together, one call at a time, on a clock that jumps."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from actors.judging import Judging
from actors.lateness import Lateness
from pipeline.config import Config
from pipeline.ear import Ear
from tests.fakes.fake_time import run_in_fake_time

WINDOW = 512


@dataclass
class Caller:
    id: int
    ear: Ear


class Detector:
    """Says of each window what its first sample is, in thousandths; each call takes 10 ms."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[tuple[list[int], list[int]]] = []
        """Who was asked about, and who has gone."""
        self.failures = failures

    async def detect(self, ids: bytes, windows: bytes, gone: bytes) -> bytes:
        await asyncio.sleep(0.01)
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.calls.append((np.frombuffer(ids, np.int64).tolist(), np.frombuffer(gone, np.int64).tolist()))
        return (np.frombuffer(windows, np.int16).reshape(-1, WINDOW)[:, 0] / 1000).astype(np.float32).tobytes()


class Shard:
    """Callers, and what was judged of them."""

    def __init__(self, detector: Detector) -> None:
        self.lateness = Lateness()
        self.judging: Judging[Caller] = Judging(detector, 20, self.lateness, self._take)
        self.callers: dict[int, Caller] = {}
        self.judged: list[tuple[int, float]] = []
        self.task = asyncio.create_task(self.judging.judge_forever())

    def _take(self, caller: Caller, probability: float, now: float) -> None:
        self.judged.append((caller.id, round(probability, 3)))

    def says(self, id: int, *windows: int) -> None:
        caller = self.callers.setdefault(id, Caller(id, Ear(Config())))
        caller.ear.hear(np.repeat(np.array(windows, np.int16), WINDOW), 0.0)
        self.judging.hear(caller)


def in_fake_time(detector: Detector, job: Any) -> None:
    async def run() -> None:
        shard = Shard(detector)
        await job(shard)
        shard.task.cancel()

    run_in_fake_time(run)


def test_what_gathers_during_a_call_goes_with_the_next() -> None:
    detector = Detector()

    async def job(shard: Shard) -> None:
        shard.says(1, 100)
        await asyncio.sleep(0.005)
        shard.says(2, 200)
        shard.says(1, 101, 102)
        await asyncio.sleep(0.1)
        assert shard.judged == [(1, 0.1), (2, 0.2), (1, 0.101), (1, 0.102)]

    in_fake_time(detector, job)
    assert detector.calls == [([1], []), ([2, 1, 1], [])]


def test_nobody_is_asked_while_nobody_speaks() -> None:
    detector = Detector()

    async def job(shard: Shard) -> None:
        await asyncio.sleep(10)

    in_fake_time(detector, job)
    assert detector.calls == []


@pytest.mark.parametrize(("waiting", "calls"), [(10, [4, 4, 2]), (16, [4, 4, 4, 4]), (100, [64, 36]), (70, [64, 4, 2])])
def test_who_is_far_behind_catches_up(waiting: int, calls: list[int]) -> None:
    detector = Detector()

    async def job(shard: Shard) -> None:
        shard.says(1, *range(waiting))
        await asyncio.sleep(1)
        assert shard.judged == [(1, number / 1000) for number in range(waiting)]

    in_fake_time(detector, job)
    assert [len(ids) for ids, _ in detector.calls] == calls


def test_who_has_gone_is_told_once_and_not_judged() -> None:
    detector = Detector()

    async def job(shard: Shard) -> None:
        shard.says(1, 100)
        shard.says(2, 200)
        shard.judging.forget(shard.callers[1])
        await asyncio.sleep(0.1)
        shard.says(2, 201)
        await asyncio.sleep(0.1)

    in_fake_time(detector, job)
    assert detector.calls == [([2], [1]), ([2], [])]


def test_a_detector_that_fails_is_asked_again_for_the_same() -> None:
    async def job(shard: Shard) -> None:
        shard.says(1, 100)
        await asyncio.sleep(1)
        assert shard.judged == [(1, 0.1)]

    in_fake_time(Detector(failures=3), job)


def test_an_old_lag_says_nothing_of_now() -> None:
    async def job(shard: Shard) -> None:
        shard.says(1, 100)
        await asyncio.sleep(0.1)
        lag_s = shard.judging.lag_s
        assert 0 < lag_s < 0.01
        shard.judging.calm_down()
        assert shard.judging.lag_s == lag_s / 2
        shard.says(1, 100)
        shard.judging.calm_down()
        assert shard.judging.lag_s == lag_s / 2

    in_fake_time(Detector(), job)
