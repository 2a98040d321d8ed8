"""What a dashboard shows of a cluster at a moment."""

from typing import Any

import pytest

from actors.tally import Standing, Turn
from gateway.board import board, point, quantile
from gateway.gatherer import Gathered
from pipeline import figures as of
from pipeline.figures import Figures, Report

NOW = 1_000.0
POOL = {"replicas": 1, "alive": 1, "queue_depth": 2, "loop_lag_ms": 4.0}
PICTURE: dict[str, Any] = {
    "status": "healthy",
    "sessions": {"active": 2, "total": 9},
    "providers": {"asr": [{"name": "sim", "state": "resting", "reason": "too slow"}]},
    "stages": {"vad": POOL},
}


def turn(at: float, total_ms: int, met: str = "target") -> Turn:
    return Turn(at, 1, {"endpoint": total_ms - 100, "llm": 100}, total_ms, met, False, (), (), 0.5)


def figures(errors: int = 0, interruptions: int = 0) -> Figures:
    figures = Figures()
    figures.put(of.ERRORS, errors, "provider_timeout", "provider")
    figures.put(of.INTERRUPTIONS, interruptions)
    figures.put(of.PREPARED, 3, "used")
    figures.put(of.PREPARED, 1, "discarded")
    return figures


def gathered(mine: Figures, *others: Report) -> Gathered:
    return Gathered(NOW, {"buffer-0": Standing({}, mine.snapshot(), others)}, {})


def test_quantiles() -> None:
    twenty = list(range(1, 21))
    assert [quantile(twenty, share) for share in (0.5, 0.95, 1.0)] == [10, 19, 20]
    assert (quantile([7], 0.5), quantile([7], 0.95), quantile([], 0.5)) == (7, 7, None)


def test_answers_of_the_last_minute() -> None:
    turns = [turn(NOW - 61, 9_000, "neither"), turn(NOW - 50, 300), turn(NOW - 1, 400, "ceiling")]
    assert board(PICTURE, gathered(figures()), turns)["answers"] == {
        "count": 2,
        "of_last_minute": True,
        "newest_at": NOW - 1,
        "p50_ms": 300,
        "p95_ms": 400,
        "parts_ms": {"endpoint": 250, "llm": 100},
        "met": {"target": 1, "ceiling": 1},
        "quality": 0.5,
    }


def test_after_a_quiet_minute_the_last_few_answers_stand() -> None:
    turns = [turn(100.0 + number, 1_000 - number) for number in range(30)]
    answers = board(PICTURE, gathered(figures()), turns)["answers"]
    assert (answers["count"], answers["of_last_minute"], answers["newest_at"]) == (20, False, 129.0)
    now = board(PICTURE, gathered(figures()), turns)
    assert point(now, gathered(figures()), turns, now)["p50"] is None


def test_nobody_was_answered_yet() -> None:
    answers = board(PICTURE, gathered(figures()), [])["answers"]
    assert [answers[name] for name in ("count", "p50_ms", "p95_ms", "parts_ms", "quality")] == [0, None, None, {}, None]


def test_all_processes_count() -> None:
    gateway = Figures()
    gateway.put(of.ERRORS, 2, "server_busy", "server")
    gateway.put(of.ERRORS, 1, "provider_timeout", "provider")
    asr = Figures()
    asr.put(of.PROVIDER_REQUESTS, 7, "sim")
    asr.put(of.PROVIDER_FAILURES, 2, "sim")
    reports = (Report("gateway", "gateway-1", gateway.snapshot()), Report("asr", "asr-1", asr.snapshot()))
    shown = board(PICTURE, gathered(figures(errors=1, interruptions=4), *reports), [])
    assert shown["errors"] == [
        {"code": "provider_timeout", "fault": "provider", "count": 2},
        {"code": "server_busy", "fault": "server", "count": 2},
    ]
    assert [shown["totals"][name] for name in ("interruptions", "used", "discarded")] == [4, 3, 1]
    asked = {"requests": 7, "failures": 2, "hedges": 0}
    assert shown["providers"] == {"asr": [{"name": "sim", "state": "resting", "reason": "too slow", **asked}]}


def test_what_nobody_has_told_is_not_zero() -> None:
    (provider,) = board(PICTURE, gathered(figures()), [])["providers"]["asr"]
    assert provider["requests"] is None


def test_a_point_holds_what_came_since_the_last() -> None:
    before = board(PICTURE, gathered(figures(errors=2, interruptions=4)), [])
    there = gathered(figures(errors=5, interruptions=4))
    turns = [turn(NOW - 2, 340)]
    seen = point(board(PICTURE, there, turns), there, turns, before)
    expected = {"at": NOW, "talking": 2, "p50": 340, "p95": 340, "part.llm": 100, "errors": 3, "interruptions": 0}
    expected |= {"queue.vad": 2, "lag.vad": 4.0, "provider.asr.sim": 2}
    assert {name: seen[name] for name in expected} == expected


@pytest.mark.parametrize("count", [0, 1])
def test_a_process_that_begins_anew_takes_nothing_back(count: int) -> None:
    before = board(PICTURE, gathered(figures(errors=5, interruptions=4)), [])
    there = gathered(figures(errors=count, interruptions=count))
    seen = point(board(PICTURE, there, []), there, [], before)
    assert (seen["errors"], seen["interruptions"]) == (0, 0)
