import json
import platform
from pathlib import Path

import pytest

from bench.measure import Report
from bench.suite import COUNTS, gives_up, record
from bench.targets import TARGETS, Comparison, Side
from tests.bench.reports import report

HELD, NOT = report(10), report(10, answered_once=0)
LATE = report(10, late_p99_ms=99.0)


@pytest.mark.parametrize(
    ("reports", "over"),
    [
        ([HELD], False),
        ([NOT], False),
        ([NOT, HELD], False),
        ([HELD, NOT], False),
        ([HELD, NOT, NOT], True),
        ([NOT, HELD, NOT], False),
        ([HELD, LATE, NOT], True),
    ],
)
def test_it_gives_up_after_two_in_a_row_that_were_not_held(reports: list[Report], over: bool) -> None:
    assert gives_up(reports) == over


def test_what_is_kept_names_no_machine() -> None:
    comparison = Comparison(Side([report(count) for count in COUNTS]), Side([HELD]))
    kept = json.loads(json.dumps(record(comparison, {"Parley": {1: {"haproxy": 0.1}}}, 30.0)))
    text = json.dumps(kept)
    assert [name for name in (platform.node(), str(Path.home()), str(Path.cwd())) if name in text] == []
    assert set(kept["machine"]) == {"cores", "memory_gb", "system", "python"}
    assert kept["held"] == {"parley": 300, "floor": 10}
    assert kept["servers"]["floor"]["reports"][0]["conversations"] == 10
    assert [target["name"] for target in kept["targets"]] == [target.name for target in TARGETS]
    assert kept["targets"][0] == {
        "name": "conversations held", "wanted": "at least 250", "measured": 300, "verdict": "met",
    }  # fmt: skip
