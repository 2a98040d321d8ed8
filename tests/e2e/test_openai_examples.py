"""The examples, run as they stand."""

import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from bench.server import ROOT, Running
from parley import wav
from pipeline.ports import LISTENING_RATE
from tests.e2e.conftest import Spoken

WORDS = "what are your opening hours on saturday"


@pytest.fixture(scope="session")
def recording(spoken: Spoken, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spoken") / "question.wav"
    wav.write(path, spoken("What are your opening hours on Saturday?"), LISTENING_RATE)
    return path


def run(server: Running, name: str, *words: object) -> str:
    """What an example prints."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, words), "--base-url", f"{server.url}/v1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_talk(offline: Running, recording: Path, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    story = run(offline, "talk.py", recording, "--save", reply)
    assert re.findall(r"^you   (.*)$", story, re.MULTILINE) == [WORDS]
    assert re.findall(r"^model (.*)$", story, re.MULTILINE) == ["On Saturday we are open from nine until one."]
    [waited_ms] = re.findall(r"first audio (\d+) ms", story)
    assert 0 < int(waited_ms) < 3_000
    with wave.open(str(reply)) as file:
        assert file.getframerate() == 24_000
        assert 1.5 < file.getnframes() / 24_000 < 5


def test_a_function_call(offline: Running) -> None:
    assert run(offline, "function_call.py").splitlines() == [
        "you      What are your opening hours on Saturday?",
        """call     opening_hours({"day": "saturday"}) -> {'hours': 'half past nine to two'}""",
        "model    On Saturday our hours are: half past nine to two.",
    ]


@pytest.mark.parametrize("form", ["text", "stream"])
def test_a_transcription(offline: Running, recording: Path, form: str) -> None:
    assert run(offline, "transcribe.py", recording, "--as", form) == WORDS + "\n"


def test_subtitles(offline: Running, recording: Path) -> None:
    number, times, words = run(offline, "transcribe.py", recording, "--as", "srt").split("\n")[:3]
    assert (number, words) == ("1", WORDS)
    assert re.fullmatch(r"00:00:0\d,\d{3} --> 00:00:0\d,\d{3}", times)


@pytest.mark.parametrize("kind", ["mp3", "opus"])
def test_a_speech(offline: Running, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"speech.{kind}"
    told = run(offline, "speak.py", "We are open from nine until one.", "-o", out)
    assert re.fullmatch(rf"first byte after \d+ ms; [\d.]+ kB in {re.escape(str(out))}\n", told)
    assert out.stat().st_size > 4_000
