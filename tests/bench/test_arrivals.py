import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from bench import arrivals, frames, measure
from bench.arrivals import _Crowd, _Mark, _slices
from bench.caller import Answer, Caller, Refused
from bench.measure import HELD_P95_MS, IDEAL_MS, LATE_LIMIT_MS, PHASES, REPLY_BYTES, Turn
from bench.wires import WIRES, Wire
from tests.bench.reports import RAMP, SLICE
from tests.fakes.fake_time import run_in_fake_time

TURN = Turn([b"a", b"b", b"c", b"-", b"-", b"-"], 3)
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Mouth:
    """A caller who only speaks."""

    def __init__(self) -> None:
        self.sent = b""
        self.asked_after: list[int] = []

    def send(self, message: bytes) -> None:
        self.sent += message

    def ask(self) -> None:
        self.asked_after.append(len(self.sent))


def said(number: int, steps: int, asking: int) -> Mouth:
    """What a caller says in so many frames, in the first of which questions may begin."""
    mouth = Mouth()
    crowd = _Crowd("", TURN)
    crowd.enter(mouth, number)  # type: ignore[arg-type]
    for step in range(steps):
        for phase in range(PHASES):
            crowd.send(phase, asks=step < asking)
    return mouth


def test_a_caller_asks_again_and_again() -> None:
    mouth = said(0, 15, 15)
    assert (mouth.sent, mouth.asked_after) == (b"abc---abc---abc", [3, 9, 15])


def test_another_one_is_quiet_first() -> None:
    assert said(1, 12, 12).sent == b"-" * 4 + b"abc---ab"


@pytest.mark.parametrize("asking", [1, 3, 6])
def test_a_question_is_asked_whole_or_not_at_all(asking: int) -> None:
    mouth = said(0, 15, asking)
    assert (mouth.sent, mouth.asked_after) == (b"abc------------", [3])


class Door:
    """Answers those who knock, in order; the last answer again and again."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.knocked: list[float] = []

    async def __call__(self, _url: str, _wire: Wire) -> tuple[Mouth, float]:
        self.knocked.append(time.monotonic())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        return Mouth(), 1.0


@pytest.mark.parametrize(
    ("answers", "knocked", "refusals", "failed", "inside"),
    [
        ([None], [3.0], 0, 0, 1),
        ([Refused("server_busy", 5), Refused("server_busy", 2), None], [3.0, 8.0, 10.0], 2, 0, 1),
        ([Refused("server_busy", 5)], [3.0, 8.0, 13.0, 18.0], 4, 0, 0),
        ([ConnectionError("gone")], [3.0], 0, 1, 0),
    ],
)
def test_who_is_turned_away_comes_back_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Exception | None],
    knocked: list[float],
    refusals: int,
    failed: int,
    inside: int,
) -> None:
    door = Door(*answers)
    monkeypatch.setattr(arrivals, "connect", door)
    crowd = _Crowd("", TURN)
    run_in_fake_time(lambda: crowd.come(7, 3.0))
    assert (door.knocked, crowd.refusals, crowd.failed) == (knocked, refusals, failed)
    assert [number for number, group in enumerate(crowd.groups) for _ in group] == [7] * inside


def test_a_measurement_waits_for_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(Refused("server_busy", 5), Refused("server_busy", 5), None)
    monkeypatch.setattr(measure, "connect", door)
    run_in_fake_time(lambda: measure._opened("", WIRES["ws"]))
    assert door.knocked == [0.0, 5.0, 10.0]


# What is told of it


def answer(asked_at: float, over_ms: float) -> Answer:
    return Answer(asked_at, [asked_at + (IDEAL_MS + over_ms) / 1000], REPLY_BYTES)


def test_each_slice_has_what_was_asked_in_it() -> None:
    answers = [answer(105.0, 40.0), answer(109.9, 60.0), Answer(112.0), answer(121.0, 500.0)]
    lateness = [1.0] * 5000 + [20.0] * 5000
    one, two = _slices(answers, [_Mark(0, 1.0), _Mark(8, 2.0), _Mark(9, 4.5)], lateness, begun=100.0)
    assert (one.begins_s, one.inside, one.asked, one.answered_once, one.late_p99_ms, one.caller_cores) == (
        0.0,
        8,
        2,
        2,
        1.0,
        0.1,
    )
    assert (two.begins_s, two.inside, two.asked, two.answered_once, two.late_p99_ms, two.caller_cores) == (
        10.0,
        9,
        1,
        0,
        20.0,
        0.25,
    )
    assert (one.overhead_p50_ms, two.overhead_p50_ms) == (pytest.approx(50.0), None)


def test_who_fell_far_behind_tells_it_of_all_slices() -> None:
    slices = _slices([], [_Mark(0, 1.0), _Mark(8, 2.0), _Mark(9, 4.5)], [5000.0], begun=100.0)
    assert [one.late_p99_ms for one in slices] == [5000.0, 5000.0]


@pytest.mark.parametrize(
    ("changed", "valid", "held"),
    [
        ({}, True, True),
        ({"overhead_p95_ms": HELD_P95_MS}, True, True),
        ({"overhead_p95_ms": HELD_P95_MS + 1}, True, False),
        ({"overhead_p95_ms": HELD_P95_MS + 1, "asked": 19, "answered_once": 19}, True, True),
        ({"overhead_p95_ms": None}, True, False),
        ({"answered_once": 30}, True, False),
        ({"late_p99_ms": LATE_LIMIT_MS}, True, True),
        ({"late_p99_ms": LATE_LIMIT_MS + 1}, False, False),
    ],
)
def test_those_inside_kept_their_quality_if_they_did_in_each_slice(changed: dict[str, Any], valid: bool, held: bool) -> None:
    slices = [replace(SLICE, **changed)] if changed.get("overhead_p95_ms", 0) is None else [SLICE, replace(SLICE, **changed)]
    ramp = replace(RAMP, slices=slices)
    assert (ramp.valid, ramp.held) == (valid, held)


@pytest.mark.parametrize("changed", [{"failed": 1}, {"cut": 1}, {"slices": []}])
def test_nobody_may_be_lost(changed: dict[str, Any]) -> None:
    assert replace(RAMP, **changed).held is False


def test_who_found_no_room() -> None:
    assert replace(RAMP, came=300, admitted=210, failed=2).left_out == 88


# Who is turned away


async def test_a_caller_who_is_refused_hears_for_how_long() -> None:
    caller = Caller("here", WIRES["ws"])
    words = json.dumps({"type": "error", "code": "server_busy", "message": "no room", "retry_after_s": 5}).encode()
    caller.data_received(UPGRADED + _from_server(words))
    with pytest.raises(Refused, match="server_busy") as caught:
        await caller.open
    assert caught.value.retry_after_s == 5


async def test_one_who_breaks_a_rule_is_not_refused() -> None:
    caller = Caller("here", WIRES["ws"])
    words = json.dumps({"type": "error", "code": "key_missing", "message": "a key is needed"}).encode()
    caller.data_received(UPGRADED + _from_server(words))
    with pytest.raises(ConnectionError, match="key_missing") as caught:
        await asyncio.wait_for(caller.open, 1)
    assert not isinstance(caught.value, Refused)


def _from_server(words: bytes) -> bytes:
    """The last words of a connection."""
    return frames.frame(words, frames.TEXT, masked=False) + frames.frame(b"", frames.CLOSE, masked=False)
