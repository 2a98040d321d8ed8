import subprocess
import sys

import psutil
import pytest

from bench.leaks import Sample
from bench.server import Running
from bench.soak import Soak, program, result


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("ray::BufferActor.status", "BufferActor"),
        ("ray::ServeReplica:parley:gateway", "gateway"),
        ("/opt/ray/raylet", "raylet"),
    ],
)
def test_processes_have_names_and_no_paths(title: str, name: str) -> None:
    with subprocess.Popen(
        [title, "-c", "import sys; sys.stdin.read()"], executable=sys.executable, stdin=subprocess.PIPE
    ) as one:
        found = program(psutil.Process(one.pid))
        one.kill()
    assert found == name


def test_a_python_program_is_known_by_its_script() -> None:
    words = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "/opt/ray/monitor.py"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        one.stdout.readline()  # Until then it may not have its own name yet.
        found = program(psutil.Process(one.pid))
        one.kill()
    assert found == "monitor.py"


def run(*, leak_mb: float = 0.0, rest: dict[str, int] | None = None, count: int = 60) -> Soak:
    """Ten minutes of two processes."""
    times = [10.0 * number for number in range(count)]
    steady = [Sample(at, 90.0, 150.0, 60, 30) for at in times]
    growing = [Sample(at, 90.0 + leak_mb * at / 3600, 150.0, 60, 30) for at in times]
    soak = Soak(Running("http://127.0.0.1:1", 1), 50, 600.0)
    soak.samples = {(1, "asr"): steady, (2, "gateway"): growing}
    soak.rest = rest or {}
    return soak


def test_verdicts_of_a_run() -> None:
    assert result(run())["verdict"] == "met"
    assert result(run(leak_mb=20.0))["verdict"] == "missed"
    assert result(run(rest={"conversations": 1}))["verdict"] == "missed"
    assert result(run(count=40))["verdict"] == "not measured"


def test_what_is_kept_of_a_run() -> None:
    kept = result(run(leak_mb=20.0))
    asr, gateway = kept["processes"]
    assert (asr["program"], asr["verdict"], gateway["program"], gateway["verdict"]) == ("asr", "met", "gateway", "missed")
    assert gateway["slopes"]["own_mb"]["an_hour"] == pytest.approx(20.0)
    assert kept["samples"][0] == {"program": "asr", "samples": [[10.0 * n, 90.0, 150.0, 60, 30] for n in range(60)]}
