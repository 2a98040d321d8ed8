from dataclasses import replace

import pytest

from bench.hearing import Fault, Question, Reply
from bench.strokes import Kind, Stroke
from bench.survival import PATIENCE_S, Turn, count, none_doubled, none_lost, put_down, tolls, usual_wait_s
from bench.targets import Verdict

USUAL_S = 0.5


def turn(begun_at: float, wait_s: float | None = USUAL_S, *faults: Fault, silent_s: float = 0.0) -> Turn:
    """A question of a second, a reply of two."""
    over_at = None if wait_s is None else begun_at + 3 + wait_s
    return Turn(0, begun_at, begun_at + 1, wait_s, silent_s, over_at, frozenset(faults))


def test_a_turn_of_a_question() -> None:
    reply = Reply(1, starts=1, at=96_000, received=96_000, sounded_at=11.5, dry_at=13.5, done_ms=2000)
    assert Turn.of(3, Question(10.0, 11.0, [reply]), 96_000) == replace(turn(10.0), caller=3)


def test_the_usual_wait_is_the_median_of_turns_that_were_over_before() -> None:
    assert usual_wait_s([turn(0, 0.4), turn(1, 0.6), turn(2, 0.5), turn(8, 3.0), turn(0, None)], 10.0) == 0.5
    assert usual_wait_s([turn(8)], 10.0) is None


@pytest.mark.parametrize(
    ("at", "near"),
    [(7.9, False), (8.0, True), (10.5, True), (13.5, True), (13.6, False)],
)
def test_a_stroke_counts_from_shortly_before_a_question_until_its_reply_was_heard(at: float, near: bool) -> None:
    stroke = Stroke(Kind.ASR, at, at)
    assert put_down(turn(10.0), [stroke], USUAL_S) is (stroke if near else None)


def test_of_several_strokes_the_last_before_the_reply_was_due_counts() -> None:
    before, during, after = (Stroke(kind, at, at) for kind, at in ((Kind.ASR, 9.0), (Kind.LLM, 10.5), (Kind.TTS, 12.0)))
    assert put_down(turn(10.0, 6.0), [before, during, after], USUAL_S) is during
    assert put_down(turn(10.0, 6.0), [after], USUAL_S) is after
    assert put_down(turn(10.0), [before, during, after], USUAL_S) is during


def test_silence_in_the_reply_is_put_down_to_what_fell_on_it() -> None:
    before, after = Stroke(Kind.ASR, 9.0, 9.0), Stroke(Kind.GATEWAY, 12.0, 12.0)
    assert put_down(turn(10.0, 2.0, silent_s=1.5), [before, after], USUAL_S) is after
    assert put_down(turn(10.0, 4.0, silent_s=1.5), [before, after], USUAL_S) is before
    assert put_down(turn(10.0, 2.0, silent_s=1.5), [before], USUAL_S) is before


def test_a_lost_turn_is_near_all_that_happened_while_anybody_had_patience() -> None:
    late = Stroke(Kind.ASR, 11 + PATIENCE_S, 11 + PATIENCE_S)
    assert put_down(turn(10.0, None, Fault.LOST), [late], USUAL_S) is late


def test_a_freeze_lasts() -> None:
    frozen = Stroke(Kind.FROZEN, 4.0, 9.0)
    assert put_down(turn(10.0), [frozen], USUAL_S) is frozen


def test_tolls_by_kind() -> None:
    strokes = [Stroke(Kind.GATEWAY, 10.5, 10.5, 4.0), Stroke(Kind.VAD, 30.5, 30.5), Stroke(Kind.GATEWAY, 50.5, 50.5, 6.5)]
    turns = [
        turn(10.0, 3.5, Fault.WRONG_LENGTH),
        turn(10.0),
        turn(20.0),
        turn(30.0, 1.5),
        turn(50.0, None, Fault.LOST),
        turn(50.0, 1.0, Fault.DOUBLED),
    ]
    gateway, vad, calm = tolls(turns, strokes, USUAL_S)
    assert (gateway.kind, gateway.strokes, gateway.turns) == (Kind.GATEWAY, 2, 4)
    assert (gateway.lost, gateway.doubled, gateway.out_of_order, gateway.wrong_length) == (1, 1, 0, 1)
    assert (gateway.extra_p50_s, gateway.recovered_s, gateway.replaced_s) == (0.5, 4.0, 6.5)
    assert (vad.extra_p95_s, vad.recovered_s, vad.replaced_s, vad.verdict) == (1.0, 2.0, None, Verdict.MET)
    assert (calm.kind, calm.strokes, calm.turns, calm.recovered_s, calm.verdict) == (None, 0, 1, None, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("kind", "extra_s", "verdict"),
    [
        (Kind.GATEWAY, 3.0, Verdict.MET),
        (Kind.GATEWAY, 3.1, Verdict.MISSED),
        (Kind.BUFFER, 2.0, Verdict.MET),
        (Kind.TTS, 2.1, Verdict.MISSED),
        (Kind.FROZEN, 5.0, Verdict.UNKNOWN),
    ],
)
def test_extra_wait_has_a_limit(kind: Kind, extra_s: float, verdict: Verdict) -> None:
    toll, _ = tolls([turn(10.0, USUAL_S + extra_s)], [Stroke(kind, 10.5, 10.5)], USUAL_S)
    assert toll.verdict is verdict


def test_who_was_lost_has_no_extra_wait() -> None:
    toll, _ = tolls([turn(10.0, None, Fault.LOST)], [Stroke(Kind.ASR, 10.5, 10.5)], USUAL_S)
    assert (toll.lost, toll.extra_p95_s, toll.recovered_s, toll.verdict) == (1, None, 0.0, Verdict.UNKNOWN)


def test_counts_and_what_they_are_to_be() -> None:
    good = count([turn(0), turn(1, 0.5, Fault.WRONG_LENGTH)])
    assert good == {"asked": 2, "answered once": 1, "lost": 0, "doubled": 0, "out of order": 0, "wrong length": 1}
    assert (none_lost(good), none_doubled(good)) == (Verdict.MET, Verdict.MET)
    bad = count([turn(0, None, Fault.LOST), turn(1, 0.5, Fault.DOUBLED)])
    assert (none_lost(bad), none_doubled(bad)) == (Verdict.MISSED, Verdict.MISSED)
    assert none_lost(count([])) is Verdict.MISSED
