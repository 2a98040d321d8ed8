"""What comes before Ray; the rest is in the end-to-end tests."""

import asyncio
import json
import os
import socket
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from parley import launcher, rundir
from parley.environment import free_ports
from pipeline import keys
from pipeline.config import Config
from pipeline.errors import ConfigError, ParleyError, ServerError
from pipeline.loading import load_config

KEY = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}'}}]"
SIM = ["asr.providers=[sim]", "llm.providers=[sim]", "tts.providers=[sim]"]


@pytest.fixture(autouse=True)
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "parley"


def config(*overrides: str) -> Config:
    return load_config(None, [*SIM, *overrides], {})


def code_of(config: Config) -> str:
    with pytest.raises(ParleyError) as caught:
        launcher.serve(config, Console(quiet=True))
    return caught.value.code


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        (["server.host=0.0.0.0"], "keys_missing"),
        (["keys.required=always"], "keys_missing"),
        (["server.host=192.0.2.7", KEY], "host_unknown"),
        (["server.host='::1'", KEY], "host_unknown"),
        (["server.host=''", KEY], "host_unknown"),
    ],
)
def test_what_cannot_be_listened_on(overrides: list[str], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        launcher.with_address(config(*overrides))

    assert caught.value.code == code


@pytest.mark.parametrize(
    "overrides", [[], ["server.host=127.0.0.2"], ["server.host=0.0.0.0", KEY], ["keys.required=always", KEY]]
)
def test_with_keys_it_listens_where_others_can_reach_it(overrides: list[str]) -> None:
    given = config("server.port=5000", *overrides)

    assert launcher.with_address(given) == given


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "not needed, as only this machine gets here"),
        ([KEY], "not needed, as only this machine gets here (1 accepted; keys.required=always asks for them here too)"),
        ([KEY, "server.host=0.0.0.0"], "needed (1 accepted); callers set PARLEY_KEY"),
    ],
)
def test_a_server_tells_whether_keys_are_needed(overrides: list[str], told: str) -> None:
    assert launcher.told_of_keys(config(*overrides)) == told


def test_localhost_is_an_address() -> None:
    assert launcher.with_address(config("server.host=localhost")).server.host == "127.0.0.1"


def test_port_zero_is_any_free_port() -> None:
    port = launcher.with_address(config("server.port=0")).server.port

    assert port > 0
    launcher.check_port(config(f"server.port={port}"))


def test_a_taken_port_ends_at_once_with_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} is taken by .* \(process {os.getpid()}\)"):
            launcher.serve(config(f"server.port={port}"), Console(quiet=True))


def test_a_missing_provider_ends_at_once(where: Path) -> None:
    assert code_of(config("server.port=0", "tts.providers=[openai]")) == "no_provider"
    assert not where.exists()


def test_a_port_that_another_server_starts_on_is_taken(where: Path) -> None:
    port = launcher.with_address(config("server.port=0")).server.port
    other = rundir.Record(port, "127.0.0.1", os.getpid(), psutil.Process().create_time(), 0.0, "/tmp/parley-none")
    rundir.claim(other, where)

    assert code_of(config(f"server.port={port}")) == "port_taken"
    assert rundir.find(port, where) == other


def test_a_killed_server_is_cleaned_up_by_the_next(where: Path, tmp_path: Path) -> None:
    left = tmp_path / "run"
    left.mkdir()
    port = free_ports(1)[0]
    rundir.claim(rundir.Record(port, "127.0.0.1", 1, -1.0, 0.0, str(left)), where)

    assert code_of(config(f"server.port={port}", "tts.providers=[openai]")) == "no_provider"
    assert not left.exists()
    assert not where.exists()


def test_a_run_dirs_path_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_dir = launcher.make_run_dir()
    run_dir.rmdir()

    assert len(str(run_dir)) <= len("/tmp/parley-12345678")


async def test_readiness_is_what_health_says() -> None:
    answers = [(503, {"status": "degraded"}), (200, {"status": "degraded"}), (200, {"status": "healthy"})]
    asked: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        code, body = answers[len(asked)]
        asked.append(code)
        text = json.dumps(body)
        writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        await asyncio.to_thread(launcher.wait_healthy, f"http://127.0.0.1:{port}", 30.0)

    assert asked == [503, 200, 200]


def test_what_never_becomes_healthy_says_what_it_answered() -> None:
    with pytest.raises(ServerError, match="it answered nothing") as caught:
        launcher.wait_healthy("http://127.0.0.1:9", 0.0)

    assert caught.value.code == "not_healthy"
