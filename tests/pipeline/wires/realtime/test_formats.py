from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline.errors import ClientError
from pipeline.wires.realtime.formats import AudioFormat, Pcm, Pcma, Pcmu, from_base64, rate_of, to_base64
from tests.pipeline.wires.realtime.client import base64_of

PCM = np.array([0, 1_000, -1_000, 32_767], np.int16).tobytes()
ULAW, ALAW = Pcmu(type="audio/pcmu"), Pcma(type="audio/pcma")


def refusal(audio: object, form: AudioFormat) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        from_base64(audio, form, "audio")
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    ("wired", "expected"),
    [
        ({"type": "audio/pcm"}, 24_000),
        ({"type": "audio/pcm", "rate": 16_000}, 16_000),
        ({"type": "audio/pcmu"}, 8_000),
        ({"type": "audio/pcma"}, 8_000),
    ],
)
def test_samples_a_second(wired: dict[str, Any], expected: int) -> None:
    assert rate_of(TypeAdapter[AudioFormat](AudioFormat).validate_python(wired)) == expected


def test_pcm_is_taken_and_given_as_it_is() -> None:
    assert from_base64(base64_of(PCM), Pcm(), "audio") == PCM
    assert to_base64(PCM, Pcm()) == base64_of(PCM)


@pytest.mark.parametrize(("form", "silence"), [(ULAW, b"\xff"), (ALAW, b"\xd5")])
def test_telephone_audio_becomes_pcm_and_comes_back(form: AudioFormat, silence: bytes) -> None:
    assert to_base64(bytes(320), form) == base64_of(silence * 160)
    octets = bytes(range(128, 256))
    assert to_base64(from_base64(base64_of(octets), form, "audio"), form) == base64_of(octets)


def test_nothing_is_nothing() -> None:
    assert [from_base64("", form, "audio") for form in (Pcm(), ULAW, ALAW)] == [b"", b"", b""]


@pytest.mark.parametrize("audio", ["*", "AAA", "AAAA AAAA", "AAAA\n", "AAAA=", "é", "AA==AAAA"])
def test_what_is_not_base64(audio: str) -> None:
    assert refusal(audio, Pcm()) == ("invalid_value", "audio")


def test_half_a_sample_is_none() -> None:
    assert refusal(base64_of(b"\0\0\0"), Pcm()) == ("invalid_value", "audio")
    assert len(from_base64(base64_of(b"\0\0\0"), ULAW, "audio")) == 6


def test_what_is_no_string() -> None:
    assert refusal(None, Pcm()) == ("invalid_type", "audio")
