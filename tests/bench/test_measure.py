import pytest

from bench.caller import Answer
from bench.measure import (
    HELD_P95_MS,
    IDEAL_MS,
    LATE_LIMIT_MS,
    REPLY_BYTES,
    TURN_S,
    answered_once,
    make_turn,
    overheads,
    percentiles,
)
from bench.wires import WIRES
from tests.bench.reports import report


def test_percentiles() -> None:
    assert percentiles([float(value) for value in range(101)], 50, 95, 99) == [50.0, 95.0, 99.0]
    assert percentiles([1.0, 2.0], 50) == [1.5]


def test_nothing_has_no_percentiles() -> None:
    assert percentiles([], 50, 95) == [None, None]


def test_a_turn_is_speech_and_then_silence() -> None:
    turn = make_turn(WIRES["ws"])
    assert len(turn.frames) == TURN_S * 50
    assert 100 < turn.spoken < 200
    assert len(set(turn.frames[turn.spoken :])) == 1
    assert turn.frames[turn.spoken - 1] != turn.frames[turn.spoken]


def test_overhead_is_beyond_the_ideal_and_only_of_what_was_answered() -> None:
    late = Answer(10.0, [10.0 + (IDEAL_MS + 40) / 1000, 12.0])
    assert overheads([late, Answer(11.0)]) == [pytest.approx(40.0)]


def test_answered_once_is_one_reply_and_all_of_it() -> None:
    whole = Answer(0.0, [0.5], REPLY_BYTES)
    others = [Answer(0.0), Answer(0.0, [0.5], REPLY_BYTES - 2), Answer(0.0, [0.5, 0.9], REPLY_BYTES)]
    assert answered_once([whole, *others]) == 1


@pytest.mark.parametrize(
    ("changed", "valid", "held"),
    [
        ({}, True, True),
        ({"answered_once": 99}, True, True),
        ({"answered_once": 98}, True, False),
        ({"asked": 0, "answered_once": 0}, True, False),
        ({"overhead_p95_ms": HELD_P95_MS}, True, True),
        ({"overhead_p95_ms": HELD_P95_MS + 0.1}, True, False),
        ({"overhead_p95_ms": None}, True, False),
        ({"unopened": 1}, True, False),
        ({"late_p99_ms": LATE_LIMIT_MS}, True, True),
        ({"late_p99_ms": LATE_LIMIT_MS + 0.1}, False, False),
    ],
)
def test_held_and_valid(changed: dict[str, float | None], valid: bool, held: bool) -> None:
    judged = report(10, **changed)
    assert (judged.valid, judged.held) == (valid, held)
