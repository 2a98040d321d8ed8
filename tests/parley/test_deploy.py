"""What is refused before anything is touched; tests/e2e/test_deploys.py brings real servers up to date."""

import os
from pathlib import Path

import psutil
import pytest

from parley import cluster
from parley.deploy import at, deploy
from parley.rundir import Record
from pipeline.errors import ConfigError, ServerError
from pipeline.loading import load_config

SIM = ["asr.providers=[sim]", "llm.providers=[sim]", "tts.providers=[sim]"]


def record(run_dir: Path, *, host: str = "127.0.0.1", alive: bool = True) -> Record:
    """Of a server whose process is this one, or one that is no more."""
    born = psutil.Process().create_time()
    return Record(8123, host, os.getpid(), born if alive else born - 1, born, str(run_dir))


def test_where_the_server_is_stays(tmp_path: Path) -> None:
    wanted = load_config(None, ["server.host=0.0.0.0", "server.port=1", "ray.address=auto", "server.resume_s=5"], {})
    config = at(record(tmp_path), "127.0.0.1:7000", wanted)
    assert (config.server.host, config.server.port, config.ray.address) == ("127.0.0.1", 8123, "127.0.0.1:7000")
    assert config.server.resume_s == 5


@pytest.mark.parametrize("alive", [False, True])
def test_a_server_that_was_killed_or_has_not_begun(tmp_path: Path, alive: bool) -> None:
    if not alive:
        cluster.address_file(tmp_path).write_text("127.0.0.1:7000")
    with pytest.raises(ServerError) as caught:
        deploy(load_config(None, SIM, {}), record(tmp_path, alive=alive))
    assert caught.value.code == "not_running"


@pytest.mark.parametrize(
    ("host", "settings", "code"),
    [("0.0.0.0", SIM, "keys_missing"), ("127.0.0.1", [*SIM, "llm.providers=[openai]"], "no_provider")],
)
def test_what_could_not_start_either(tmp_path: Path, host: str, settings: list[str], code: str) -> None:
    cluster.address_file(tmp_path).write_text("127.0.0.1:7000")
    before = dict(os.environ)
    with pytest.raises(ConfigError) as caught:
        deploy(load_config(None, settings, {}), record(tmp_path, host=host))
    assert (caught.value.code, dict(os.environ)) == (code, before)
