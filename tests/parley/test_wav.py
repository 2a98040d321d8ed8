import wave
from pathlib import Path

import numpy as np
import pytest

from parley import wav
from pipeline.errors import ClientError

TONE = np.array([0, 1, -1, 32767, -32768, 5], np.int16)


def save(path: Path, data: bytes, channels: int = 1, width: int = 2, rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_what_is_written_is_read(tmp_path: Path, rate: int) -> None:
    wav.write(tmp_path / "a.wav", TONE, rate)
    recording = wav.read(tmp_path / "a.wav")

    assert (recording.samples.tolist(), recording.rate) == (TONE.tolist(), rate)


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    stereo = np.array([[100, 200], [-32768, -32768], [32767, 32767]], np.int16)

    assert wav.read(save(tmp_path / "a.wav", stereo.tobytes(), channels=2)).samples.tolist() == [150, -32768, 32767]


def test_a_file_that_ends_within_a_sample_is_read_up_to_there(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", TONE.tobytes())
    path.write_bytes(path.read_bytes()[:-1])

    assert wav.read(path).samples.tolist() == TONE[:-1].tolist()


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ({"width": 1}, "8 bits, 1 channels, 16000 Hz"),
        ({"channels": 3}, "16 bits, 3 channels, 16000 Hz"),
        ({"rate": 96_000}, "16 bits, 1 channels, 96000 Hz"),
    ],
)
def test_other_shapes_are_refused_with_what_they_are(tmp_path: Path, shape: dict[str, int], told: str) -> None:
    with pytest.raises(ClientError, match=told) as caught:
        wav.read(save(tmp_path / "a.wav", bytes(12), **shape))

    assert caught.value.code == "wav_unsupported"


def test_what_is_no_wav_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    for path in (tmp_path / "a.wav", tmp_path / "none.wav", tmp_path):
        with pytest.raises(ClientError) as caught:
            wav.read(path)
        assert (caught.value.code, "\n" in caught.value.message) == ("wav_unreadable", False)


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ClientError) as caught:
        wav.write(tmp_path / "none" / "a.wav", TONE, 8_000)

    assert caught.value.code == "wav_unwritable"
