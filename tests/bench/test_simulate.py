import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from bench import simulate as command
from bench.plans import Plan, Stage
from bench.queueing import erlang_c
from bench.simulate import LOAD_TEST, beside_measured, search
from bench.simulated_calls import simulate

QUICK = Plan(conversations=40, seconds=40)


def printed(*words: str) -> tuple[int, str]:
    app = Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_the_same_seed_draws_the_same_callers() -> None:
    assert simulate(QUICK) == simulate(QUICK)
    assert simulate(QUICK) != simulate(replace(QUICK, seed=2))


def test_littles_law() -> None:
    """As many are there as come a second, times how long they stay."""
    plan = Plan(conversations=100, length_s=30, seconds=600)
    report = simulate(plan)
    assert report.present == pytest.approx(100, rel=0.05)
    assert report.arrived / plan.seconds * plan.length_s == pytest.approx(report.present, rel=0.06)


def test_a_stage_makes_wait_whom_theory_makes_wait() -> None:
    """Many callers ask as if at random: M/G/c, whose share of those who wait is near that of M/M/c."""
    plan = Plan(
        conversations=300,
        length_s=1e6,
        seconds=300,
        gateways=2,
        shards=2,
        cores=64,
        stages=QUICK.stages | {"tts": Stage(60, 300, tail=0.8, slots=15)},
    )
    report = simulate(plan)
    tts = report.pools["tts"]
    load = 15 * tts.utilisation
    assert 0.6 < tts.utilisation < 0.95
    # Little again: requests a second times the mean of their holding, which is above its median.
    mean_s = 0.3 * 2.718281828 ** (0.8**2 / 2)
    assert tts.waited / plan.seconds * mean_s == pytest.approx(load, rel=0.05)
    share = sum(wait > 1e-9 for wait in report.waits_s["tts"]) / tts.waited
    assert share == pytest.approx(erlang_c(15, load), abs=0.06)


def test_processes_are_as_full_as_the_costs_say() -> None:
    plan = Plan(conversations=150, length_s=1e6, seconds=60)
    pools = simulate(plan).pools
    cost = plan.costs["gateway"]
    assert pools["gateway"].utilisation == pytest.approx((cost.once + cost.link + 150 * cost.each) / 1000, rel=0.03)
    vad = plan.costs["vad"]
    assert pools["vad"].utilisation == pytest.approx((vad.once + 150 * vad.each) / 1000, rel=0.03)


def test_each_gateway_has_a_link_with_each_shard() -> None:
    plan = Plan(conversations=120, length_s=1e6, seconds=40)
    two = simulate(replace(plan, gateways=2, shards=2)).pools["gateway"].utilisation
    cost = plan.costs["gateway"]
    assert two == pytest.approx((cost.once + 2 * cost.link + 60 * cost.each) / 1000, rel=0.04)


def test_a_voice_waits_for_the_turns_end_its_stages_and_the_way_between() -> None:
    fixed = {name: Stage(100, 100, tail=0.0) for name in ("asr", "llm", "tts")}
    plan = Plan(conversations=5, stages=fixed, endpoint_ms=200, hop_ms=0, seconds=120)
    report = simulate(replace(plan, costs={name: replace(cost, each=0, once=0, link=0) for name, cost in plan.costs.items()}))
    # Up to a window of 32 ms and a tick of 20 ms, and nothing else.
    assert 0 < report.over_p50_ms < report.over_p95_ms < 52
    assert report.voice_p50_ms == pytest.approx(500 + report.over_p50_ms, abs=0.01)


def test_cores_that_are_full_make_everybody_wait() -> None:
    enough = simulate(Plan(conversations=250, cores=4, seconds=40))
    scarce = simulate(Plan(conversations=250, cores=1, seconds=40))
    assert enough.over_p95_ms < 200 < scarce.over_p50_ms
    assert scarce.pools["cpu"].utilisation == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("conversations", "p50_ms"),
    [(1, 21), (10, 36), (25, 24), (50, 25), (100, 49), (150, 41), (200, 49), (250, 65), (300, 75)],
)
def test_the_load_test_on_paper_is_near_what_was_measured(conversations: int, p50_ms: float) -> None:
    """The load table of `make bench`. One figure was fitted (the time of a way, to all rows together); the others follow.

    Tails are longer in the real thing than on paper, so only the middle is compared with what was measured.
    """
    report = simulate(replace(LOAD_TEST, conversations=conversations))
    assert report.over_p50_ms == pytest.approx(p50_ms, abs=15)


def test_runs_are_read_from_what_make_bench_has_kept(tmp_path: Path) -> None:
    report = {"wire": "ws", "conversations": 20, "overhead_p50_ms": 61.0, "overhead_p95_ms": 90.0}
    path = tmp_path / "bench.json"
    others = [report | {"wire": "realtime"}, report | {"overhead_p50_ms": None}]
    path.write_text(json.dumps({"servers": {"parley": {"reports": [report, *others]}}}), encoding="utf-8")
    [(count, p50, p95, paper)] = beside_measured(path)
    assert (count, p50, p95) == (20, 61.0, 90.0)
    assert paper == simulate(replace(LOAD_TEST, conversations=20))


def test_a_search_finds_pools_of_which_none_can_be_smaller() -> None:
    plan = Plan(conversations=250, seconds=30, stages=QUICK.stages | {"tts": Stage(60, 300, slots=4, calls=2)})
    found = search(plan, 15)
    assert found is not None
    least, report = found
    assert report.extra_p95_ms <= 15
    tts = least.stages["tts"]
    fewer = replace(least, stages=least.stages | {"tts": replace(tts, replicas=tts.replicas - 1)})
    assert simulate(fewer).pools["tts"].p95_ms > 15 or simulate(fewer).extra_p95_ms > 15


def test_a_search_gives_up_where_more_replicas_do_not_help() -> None:
    assert search(Plan(conversations=60, cores=1, seconds=1), 0.0) is None


def test_the_command_prints_pools_and_what_a_caller_notices() -> None:
    code, output = printed("--conversations", "20", "--seconds", "10", "--tts", "60,300,0,2,4")
    assert code == 0
    assert "2 x 4" in output
    assert "voice to voice p50" in output


def test_a_stage_that_cannot_be_is_refused() -> None:
    for words, told in (("fast", "asr is FIRST_MS"), ("50,50,0.3,0", "asr needs a first answer")):
        code, output = printed("--asr", words)
        assert (code, told in output) == (2, True)
