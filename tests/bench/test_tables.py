import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from bench.probes import Burst, Calm
from bench.tables import beside, everything, held, number
from bench.targets import TARGETS, Comparison, Side
from tests.bench.reports import RAMP, SLICE, report


def shown(comparison: Comparison) -> list[str]:
    screen = StringIO()
    Console(width=128, file=screen).print(everything(comparison, "A note."))
    return screen.getvalue().splitlines()


def row(lines: list[str], first: str) -> list[str]:
    """Cells end at a border, or where more than one space stands."""
    cells = [re.split(r" *│ *|  +", line.strip("│ ")) for line in lines]
    return next(line for line in cells if line[0] == first)


def test_figures() -> None:
    assert [number(None), number(3.14159), number(3.14159, 3)] == ["-", "3.1", "3.142"]
    assert [beside(6.0, 3.0), beside(6.0, None), beside(None, 3.0)] == ["6.0 [cyan]2.0x[/]", "6.0", "-"]


def test_a_run_in_which_the_client_was_late_is_marked() -> None:
    assert held(report(1, late_p99_ms=16.0)) == "[yellow]late[/]"
    assert [held(report(1)), held(report(1, answered_once=0)), held(None)] == ["[green]yes[/]", "[red]no[/]", "-"]


def test_each_figure_stands_beside_its_ratio_to_the_floor_at_the_same_count() -> None:
    floors = report(
        100, overhead_p50_ms=15.0, overhead_p95_ms=20.0, overhead_p99_ms=40.0, open_p50_ms=1.0, open_p95_ms=3.0,
        cpu_ms=2.5, cores=0.3, memory_mb=0.1,
    )  # fmt: skip
    lines = shown(Comparison(Side([report(100), report(150)]), Side([report(1), floors])))
    figures = ["30 2.0x", "60 3.0x", "80 2.0x", "5.0 2.0x", "0.60 2.0x", "5.0 5.0x", "9.0 3.0x", "0.50 5.0x"]
    assert row(lines, "100") == ["100", "yes / yes", "100 / 100", *figures]
    assert row(lines, "150")[:4] == ["150", "yes / -", "100 / 100", "30"]


def test_what_has_one_figure_a_server() -> None:
    ours = Side([], Calm(0.1, 0.2, 0.55, 2.25), Burst(100, 98, 100.0, 400.0))
    lines = shown(Comparison(ours, Side()))
    assert row(lines, "cores, one quiet conversation") == ["cores, one quiet conversation", "0.200", "-"]
    assert row(lines, "ping on /ws, p50 / p99 ms")[1] == "0.55 / 2.25"
    assert row(lines, "came within a second, accepted")[1] == "98 of 100"


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "those inside kept their quality"),
        ({"overhead_p95_ms": 300.0}, "those inside did not keep their quality"),
        ({"late_p99_ms": 99.0}, "the callers were late, so that this tells nothing"),
    ],
)
def test_callers_who_come_one_after_another(changed: dict[str, float], verdict: str) -> None:
    ramp = replace(RAMP, slices=[SLICE, replace(SLICE, begins_s=10.0, inside=99, **changed)])
    lines = shown(Comparison(Side([], ramp=ramp), Side()))
    late = f"{changed.get('late_p99_ms', 2.0)} ms"
    p95 = f"{changed.get('overhead_p95_ms', 90.0):.0f}"
    assert row(lines, "10") == ["10", "99", "100 / 100", "40", p95, "120", late, "0.10"]
    text = " ".join(line.strip() for line in lines)
    assert "240 were let in, 60 found no room (150 refusals), 0 failed, 0 were cut off." in text
    assert f"Worst p95 {p95} ms: {verdict}." in text


def test_every_target_is_judged() -> None:
    lines = shown(Comparison(Side([report(100, memory_mb=1.5)]), Side()))
    assert row(lines, "memory a conversation, from 100 on")[1:] == ["at most 1 MB", "1.5 MB", "missed"]
    assert row(lines, "over the ideal at 100, p50")[1:] == ["at most 50 ms", "30 ms", "met"]
    assert row(lines, "over the ideal at 1, p50")[1:] == ["at most 35 ms", "-", "not measured"]
    assert [target.name for target in TARGETS if not any(target.name in line for line in lines)] == []
