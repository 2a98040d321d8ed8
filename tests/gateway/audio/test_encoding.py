"""The encoders against the decoder of PyAV, and the standard library's reader of WAV."""

import io
import wave
from collections.abc import AsyncGenerator

import av
import numpy as np
import pytest

from gateway.audio.encoding import MEDIA_TYPES, Format, encoded, make_encoder

RATE = 24_000
COMPRESSED: tuple[Format, ...] = ("mp3", "opus", "aac", "flac")
TONE = (8_000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype("<i2").tobytes()


async def whole(kind: Format, *pieces: bytes) -> list[bytes]:
    async def sound() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    return [made async for made in encoded(sound(), make_encoder(kind, RATE), RATE)]


def heard(file: bytes) -> tuple[int, float, float]:
    """Rate, length in seconds and pitch in hertz of what a player hears."""
    with av.open(io.BytesIO(file)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(float)
    rate = frames[0].sample_rate
    loudest = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    return rate, len(samples) / rate, float(loudest)


@pytest.mark.parametrize("kind", [*COMPRESSED, "wav"])
async def test_a_player_hears_what_was_encoded(kind: Format) -> None:
    rate, length_s, hertz = heard(b"".join(await whole(kind, TONE[:30_000], TONE[30_000:])))
    assert rate in (RATE, 48_000)
    assert length_s == pytest.approx(2, abs=0.11)
    assert hertz == pytest.approx(440, abs=2)


async def test_pcm_is_left_as_it_is() -> None:
    assert b"".join(await whole("pcm", TONE)) == TONE


async def test_flac_loses_nothing() -> None:
    with av.open(io.BytesIO(b"".join(await whole("flac", TONE)))) as container:
        assert b"".join(frame.to_ndarray().tobytes() for frame in container.decode(audio=0)) == TONE


async def test_a_wav_of_unknown_length_can_be_read_by_anybody() -> None:
    file = b"".join(await whole("wav", TONE))
    with wave.open(io.BytesIO(file)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, RATE)
        assert reader.readframes(len(TONE)) == TONE
    assert (file[4:8], file[40:44], file[44:]) == (b"\xff" * 4, b"\xff" * 4, TONE)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_what_was_encoded_leaves_before_the_end(kind: Format) -> None:
    encoder = make_encoder(kind, RATE)
    made = [encoder.push(TONE[start : start + RATE // 5 * 2]) for start in range(0, len(TONE), RATE // 5 * 2)]
    assert len(made) == 10
    assert all(made)
    assert len(encoder.finish()) < sum(map(len, made)) / 5


@pytest.mark.parametrize("kind", COMPRESSED)
async def test_a_long_piece_is_encoded_in_slices(kind: Format) -> None:
    assert len(await whole(kind, TONE)) >= 4


@pytest.mark.parametrize("kind", MEDIA_TYPES)
async def test_no_piece_is_empty(kind: Format) -> None:
    made = await whole(kind, b"", TONE[:2], b"", TONE[2:4])
    assert made
    assert all(made)


@pytest.mark.parametrize("kind", ["mp3", "pcm"])
async def test_who_leaves_early_closes_the_sound(kind: Format) -> None:
    closed = False

    async def sound() -> AsyncGenerator[bytes, None]:
        nonlocal closed
        try:
            while True:
                yield TONE
        finally:
            closed = True

    pieces = encoded(sound(), make_encoder(kind, RATE), RATE)
    assert await anext(pieces)
    await pieces.aclose()
    assert closed is True
