"""The command as a user types it: exit codes, and one line for each problem."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley import wav
from parley.cli import app

SIM = ["--set", "asr.providers=[sim]", "--set", "llm.providers=[sim]", "--set", "tts.providers=[sim]"]
FAULTS = [
    (["serve", *SIM, "--host", "0.0.0.0"], "keys_missing"),
    (["serve", *SIM, "--host", "192.0.2.7"], "host_unknown"),
    (["keys", "new", "a b"], "key_name_invalid"),
    (["serve", "--set", "turn.silence=1"], "config_invalid"),
    (["serve", "--config", "none.yaml"], "config_unreadable"),
    (
        ["serve", *SIM, "--port", "0", "--set", "llm.providers=[openai]"],
        "no_provider",
    ),
    (["serve", "--port", "70000"], "config_invalid"),
    (["down"], "not_running"),
    (["down", "--port", "8000"], "not_running"),
    (["status"], "not_running"),
    (["deploy"], "not_running"),
    (["deploy", "--set", "turn.silence=1"], "config_invalid"),
    (["call"], "nothing_to_say"),
    (["call", "none.wav"], "wav_unreadable"),
    (["call", "--text", "hi", "--url", "http://127.0.0.1:9"], "unreachable"),
    (["say", "hi", "-o", "none/x.wav", *SIM[-2:]], "wav_unwritable"),
    (["doctor", "--set", "x"], "config_invalid"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for variable in ("OPENAI_API_KEY", "PARLEY_KEY", "PARLEY_KEYS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "code"), FAULTS)
def test_a_problem_is_one_line_and_an_exit_code(arguments: list[str], code: str) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error ")
    assert result.stderr.rstrip().endswith(f"[{code}]")


def test_brackets_in_a_problem_are_shown() -> None:
    result = CliRunner().invoke(app, ["serve", "--set", "turn[x]"])

    assert result.stderr.startswith("error 'turn[x]' is not of the form")


def test_say_writes_what_the_first_provider_speaks(folder: Path) -> None:
    result = CliRunner().invoke(app, ["say", "hi", "-o", "x.wav", "--set", "tts.providers=[openai, sim]"])

    assert (result.exit_code, result.stdout) == (0, "sim said 2.0 s at 24000 Hz into x.wav\n")
    assert wav.read(folder / "x.wav").seconds == 2.0


def test_a_new_key_is_printed_in_whole_lines() -> None:
    result = CliRunner().invoke(app, ["keys", "new", "bob"])

    assert (result.exit_code, result.stderr) == (0, "")
    assert len(max(result.stdout.splitlines(), key=len)) > 100


def test_a_key_that_cannot_be_sent_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_KEY", "hush hush")
    result = CliRunner().invoke(app, ["call", "--text", "hi", "--url", "http://127.0.0.1:9"])

    assert result.stderr.rstrip().endswith("[key_malformed]")
    assert "hush" not in result.output


def test_doctor_fails_when_something_essential_is_missing() -> None:
    result = CliRunner().invoke(app, ["doctor", *SIM, "--set", "tts.providers=[openai]"])

    assert result.exit_code == 1
    assert result.stderr == "error something essential is missing\n"
    assert "none of openai is available" in result.stdout
