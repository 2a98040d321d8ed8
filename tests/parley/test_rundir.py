import os
import stat
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from parley import rundir
from parley.rundir import Record
from pipeline.errors import ServerError

ME = Record(8000, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 1000.0, "/tmp/parley-x")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "servers"


def test_a_record_comes_back_as_it_was(where: Path) -> None:
    rundir.claim(ME, where)

    assert rundir.find(8000, where) == ME
    assert stat.S_IMODE(where.stat().st_mode) == 0o700


def test_only_one_server_gets_a_port(where: Path) -> None:
    rundir.claim(ME, where)

    with pytest.raises(ServerError) as caught:
        rundir.claim(replace(ME, pid=1), where)

    assert caught.value.code == "port_taken"
    assert rundir.find(8000, where) == ME


def test_the_folder_goes_with_its_last_record(where: Path) -> None:
    rundir.claim(ME, where)
    rundir.claim(replace(ME, port=9000), where)

    rundir.forget(8000, where)
    assert [record.port for record in rundir.everything(where)] == [9000]

    rundir.forget(9000, where)
    assert not where.exists()
    assert rundir.everything(where) == []


def test_forgetting_twice_is_no_error(where: Path) -> None:
    rundir.forget(8000, where)
    rundir.forget(8000, where)


def test_a_torn_file_counts_as_none(where: Path) -> None:
    rundir.claim(ME, where)
    (where / "8000.json").write_text('{"port": 80')

    assert rundir.find(8000, where) is None


def test_a_process_is_known_by_its_birth() -> None:
    assert ME.alive()
    assert not replace(ME, born=ME.born - 1).alive()
    assert not replace(ME, pid=2**22 + 1).alive()


def test_the_users_runtime_folder_is_preferred(tmp_path: Path) -> None:
    assert rundir.folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "parley"
    assert rundir.folder({"XDG_RUNTIME_DIR": "/nowhere"}).name == f"parley-servers-{os.getuid()}"
    assert rundir.folder({}).name == f"parley-servers-{os.getuid()}"
