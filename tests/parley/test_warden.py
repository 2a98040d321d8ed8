"""The warden as a process of its own, as `parley serve` has it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from parley import processes, rundir
from parley.warden import Warden


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def where(tmp_path: Path, run_dir: Path) -> Path:
    folder = tmp_path / "servers"
    rundir.claim(rundir.Record(8000, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 0.0, str(run_dir)), folder)
    return folder


def test_dismissed_it_touches_nothing(run_dir: Path, where: Path) -> None:
    warden = Warden(str(run_dir), 8000, where)

    warden.dismiss()

    assert run_dir.exists()
    assert rundir.find(8000, where) is not None


def test_when_its_server_dies_it_cleans_up(run_dir: Path, where: Path) -> None:
    orphan = subprocess.Popen(["sleep", "1000"], env=os.environ | {processes.MARK: str(run_dir)})
    server = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from parley.warden import Warden\n"
        "warden = Warden(sys.argv[1], 8000, Path(sys.argv[2]))\n"
        "print(warden._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", server, str(run_dir), str(where)], stdout=subprocess.PIPE, text=True, check=False
    )
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(ended.stdout)).wait(20)

    assert ended.returncode == -9
    assert orphan.wait(5) == -15
    assert not run_dir.exists()
    assert not where.exists()
