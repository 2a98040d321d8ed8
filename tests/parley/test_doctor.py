import os
import socket
from pathlib import Path

import psutil
import pytest

from parley import doctor, rundir
from parley.doctor import Finding
from parley.environment import free_ports
from pipeline import keys
from pipeline.config import Config
from pipeline.loading import load_config

SIM = ["asr.providers=[openai, sim, sphinx]", "llm.providers=[sim]", "tts.providers=[openai]"]


@pytest.fixture(autouse=True)
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "parley"


def config(port: int) -> Config:
    return load_config(None, [*SIM, f"server.port={port}"], {})


def port_finding(port: int) -> Finding:
    return next(finding for finding in doctor.machine(config(port)) if finding.what == f"port {port}")


def test_providers_in_order_with_the_one_that_answers() -> None:
    found = [(finding.what, finding.result) for finding in doctor.providers(config(8000))]

    assert found[:2] == [("asr 1. openai", "note"), ("asr 2. sim", "answers")]
    assert found[3:] == [("llm 1. sim", "answers"), ("tts 1. openai", "note"), ("tts", "fault")]


def test_a_free_port_is_fine() -> None:
    port = free_ports(1)[0]

    assert port_finding(port) == Finding(f"port {port}", "ok", "free")


def test_a_port_in_other_hands_stops_us() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = port_finding(taken.getsockname()[1])

    assert finding.stops_us
    assert f"(process {os.getpid()})" in finding.detail


def test_our_own_running_server_is_no_fault(where: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        rundir.claim(rundir.Record(port, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 0.0, "/tmp/x"), where)
        finding = port_finding(port)

    assert (finding.result, finding.stops_us) == ("note", False)


def test_keys_that_are_needed_and_missing_stop_us() -> None:
    def finding(*overrides: str) -> Finding:
        loaded = load_config(None, [*SIM, *overrides], {})
        return next(finding for finding in doctor.machine(loaded) if finding.what == "keys")

    assert finding() == Finding("keys", "ok", "not needed on loopback; 0 accepted")
    assert finding("server.host=0.0.0.0").stops_us
    accepted = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}'}}]"
    assert finding("server.host=0.0.0.0", accepted) == Finding("keys", "ok", "needed; 1 accepted")


def test_variables_of_rays_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")

    details = [finding.detail for finding in doctor.machine(config(8000)) if finding.what == "environment"]
    assert "RAY_ADDRESS is set, which may change how Ray runs" in details
