from dataclasses import replace

import pytest

from bench.arrivals import Ramp
from bench.measure import Report
from bench.probes import Burst, Calm
from bench.targets import TARGETS, Comparison, Limit, Side, Target, Verdict, held_up_to, judge, ratio
from tests.bench.reports import RAMP, SLICE, report

LATE = 99.0
COUNTS = (1, 25, 100, 200, 250)
CALM = Calm(0.1, 0.14, 0.4, 2.0)
BURST = Burst(100, 100, 100.0, 400.0)


def comparison(*ours: Report, floors: tuple[Report, ...] = ()) -> Comparison:
    return Comparison(Side(list(ours), CALM, BURST, RAMP), Side(list(floors)))


def all_good() -> Comparison:
    return comparison(*map(report, COUNTS), floors=tuple(report(count, cpu_ms=3.0) for count in COUNTS))


def changed(conversations: int, **other: float) -> Comparison:
    return comparison(
        *(report(count, **(other if count == conversations else {})) for count in COUNTS),
        floors=tuple(report(count, cpu_ms=3.0) for count in COUNTS),
    )


def missed(judged: Comparison) -> list[str]:
    return [target.name for target in TARGETS if judge(target, judged).verdict is not Verdict.MET]


@pytest.mark.parametrize(
    ("limit", "figure", "verdict"),
    [
        (Limit.AT_MOST, 5.0, Verdict.MET),
        (Limit.AT_MOST, 5.1, Verdict.MISSED),
        (Limit.AT_LEAST, 5.0, Verdict.MET),
        (Limit.AT_LEAST, 4.9, Verdict.MISSED),
        (Limit.BELOW, 4.9, Verdict.MET),
        (Limit.BELOW, 5.0, Verdict.MISSED),
        (Limit.AT_MOST, None, Verdict.UNKNOWN),
    ],
)
def test_a_limit(limit: Limit, figure: float | None, verdict: Verdict) -> None:
    judgement = judge(Target("a figure", limit, 5.0, "ms", lambda _: figure), comparison())
    assert (judgement.measured, judgement.verdict) == (figure, verdict)


def test_all_targets_can_be_met() -> None:
    assert missed(all_good()) == []


@pytest.mark.parametrize(
    ("judged", "names"),
    [
        (changed(250, answered_once=50), ["conversations held"]),
        (changed(1, overhead_p50_ms=35.1), ["over the ideal at 1, p50"]),
        (changed(100, overhead_p50_ms=50.1), ["over the ideal at 100, p50"]),
        (changed(200, memory_mb=1.1), ["memory a conversation, from 100 on"]),
        (changed(25, memory_mb=1.1), []),
        (changed(25, cpu_ms=4.9), ["CPU a conversation at 200, beside that at 25"]),
        (
            changed(100, cpu_ms=6.1),
            ["CPU a conversation and second, from 100 on", "the same, beside the floor, from 100 on"],
        ),
        (replace(all_good(), floor=Side([report(100, cpu_ms=2.0)])), ["the same, beside the floor, from 100 on"]),
        (
            replace(all_good(), parley=replace(all_good().parley, calm=replace(CALM, quiet_cores=0.15))),
            ["a server with one quiet conversation"],
        ),
        (
            replace(all_good(), parley=replace(all_good().parley, burst=Burst(100, 99, 100.0, 1000.0))),
            ["of 100 that come within a second, accepted", "the same, time to open, p95"],
        ),
    ],
)
def test_each_target_can_be_missed(judged: Comparison, names: list[str]) -> None:
    assert missed(judged) == names


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    judged = Comparison(Side([report(10)]), Side())
    assert {judge(target, judged).verdict for target in TARGETS} == {Verdict.UNKNOWN}
    assert {judge(target, Comparison(Side(), Side())).verdict for target in TARGETS} == {Verdict.UNKNOWN}


def test_a_smaller_burst_tells_nothing_of_the_target() -> None:
    judged = replace(all_good(), parley=replace(all_good().parley, burst=Burst(10, 10, 1.0, 2.0)))
    assert missed(judged) == ["of 100 that come within a second, accepted", "the same, time to open, p95"]


RAMP_TARGETS = ["while 1 to 300 come, over the ideal, the worst p95", "the same, turns answered once"]


@pytest.mark.parametrize(
    ("ramp", "names"),
    [
        (replace(RAMP, slices=[replace(SLICE, overhead_p95_ms=251.0)]), RAMP_TARGETS[:1]),
        (replace(RAMP, slices=[replace(SLICE, answered_once=98)]), RAMP_TARGETS[1:]),
        (replace(RAMP, slices=[replace(SLICE, late_p99_ms=LATE)]), RAMP_TARGETS),
        (replace(RAMP, came=299), RAMP_TARGETS),
        (None, RAMP_TARGETS),
    ],
)
def test_those_inside_must_keep_their_quality_while_others_come(ramp: Ramp | None, names: list[str]) -> None:
    assert missed(replace(all_good(), parley=replace(all_good().parley, ramp=ramp))) == names


def test_a_late_client_is_no_figure() -> None:
    assert missed(changed(1, late_p99_ms=LATE, overhead_p50_ms=10.0)) == ["conversations held", "over the ideal at 1, p50"]


@pytest.mark.parametrize(
    ("reports", "most"),
    [
        ([], None),
        ([report(1), report(10)], 10),
        ([report(1), report(10, answered_once=0), report(25)], 1),
        ([report(1, answered_once=0)], 0),
        ([report(1), report(10, late_p99_ms=LATE), report(25)], 1),
        ([report(1, late_p99_ms=LATE)], None),
    ],
)
def test_held_up_to(reports: list[Report], most: int | None) -> None:
    assert held_up_to(Side(reports)) == most


def test_ratio() -> None:
    assert ratio(6.0, 3.0) == 2.0
    assert [ratio(None, 3.0), ratio(6.0, None), ratio(6.0, 0.0), ratio(-1.0, 3.0)] == [None] * 4
