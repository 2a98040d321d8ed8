import io
import threading

import numpy as np
import pytest

from gateway.audio import decoding
from gateway.audio.decoding import BLOCK, Reader, recording
from pipeline.errors import ClientError
from pipeline.ports import LISTENING_RATE, Samples
from tests.gateway.audio.audio_files import CODECS, audio_file, plain_wav, tone

LIMIT_S = 7_200


async def decoded(file: bytes, limit_s: int = LIMIT_S) -> Samples:
    async with recording(io.BytesIO(file), limit_s) as opened:
        blocks = [block async for block in opened.blocks()]
    return np.concatenate([*blocks, np.empty(0, np.int16)])


async def refused(file: bytes, limit_s: int = LIMIT_S) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        await decoded(file, limit_s)
    return caught.value.code, caught.value.param


def exhaust(reader: Reader) -> None:
    while len(reader.read()):
        pass


def pitch(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    return float(np.argmax(spectrum)) * LISTENING_RATE / len(samples)


@pytest.mark.parametrize("ending", CODECS)
async def test_the_usual_formats_are_read(ending: str) -> None:
    heard = await decoded(audio_file(tone(2), ending))
    assert len(heard) / LISTENING_RATE == pytest.approx(2, abs=0.15)
    assert pitch(heard) == pytest.approx(440, abs=2)
    assert int(np.abs(heard.astype(int)).max()) == pytest.approx(8_000, rel=0.15)


async def test_what_needs_no_change_is_not_changed() -> None:
    samples = tone(1)
    assert np.array_equal(await decoded(audio_file(samples)), samples)


async def test_stereo_becomes_one_channel() -> None:
    heard = await decoded(audio_file(tone(1), "flac", layout="stereo"))
    assert (pitch(heard), len(heard)) == (pytest.approx(440, abs=2), pytest.approx(LISTENING_RATE, abs=200))


async def test_a_long_file_comes_in_blocks() -> None:
    async with recording(io.BytesIO(audio_file(tone(30))), LIMIT_S) as opened:
        lengths, seconds = [], []
        async for block in opened.blocks():
            lengths.append(len(block))
            seconds.append(opened.seconds)
    assert sum(lengths) == 30 * LISTENING_RATE
    assert max(lengths) < 2 * BLOCK
    assert (len(lengths) > 3, seconds[-1]) == (True, 30.0)


async def test_a_recording_that_says_it_is_too_long_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_frames", lambda container: pytest.fail("it was decoded"))
    assert await refused(audio_file(tone(5)), 4) == ("audio_too_long", "file")


@pytest.mark.parametrize("claimed", [0, 3 * LISTENING_RATE])
def test_a_recording_that_lies_of_its_length_is_cut_off_where_it_becomes_too_long(claimed: int) -> None:
    # The length stands in 32 bits of the first block's header; a live encoder writes 0, since it does not know it yet.
    file = bytearray(audio_file(tone(40), "flac", rate=LISTENING_RATE))
    file[22:26] = claimed.to_bytes(4, "big")
    reader = Reader(io.BytesIO(bytes(file)), 8)
    reader.open()
    with pytest.raises(ClientError, match="audio_too_long"):
        exhaust(reader)
    assert reader.decoded < 8 * LISTENING_RATE + 2 * BLOCK


async def test_an_audio_file_without_sound_is_empty() -> None:
    assert len(await decoded(plain_wav(tone(0), LISTENING_RATE))) == 0


@pytest.mark.parametrize(
    "file",
    [
        b"this is a letter and no sound at all, however long one looks at it" * 50,
        b"RIFF",
        bytes(range(256)) * 40,
        b"\xff\xfb\x90\x00" + b"\x00" * 2_000,
        b"<html><body>502 Bad Gateway</body></html>",
        plain_wav(tone(1), 100),
    ],
    ids=["text", "head", "bytes", "mp3 of nothing", "page", "slow"],
)
async def test_what_is_no_audio_is_refused(file: bytes) -> None:
    assert await refused(file) == ("file_unreadable", "file")


async def test_a_playlist_is_not_followed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(audio_file(tone(1)))
    lists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret.name}'\n",
    ]
    monkeypatch.chdir(tmp_path)
    assert [await refused(text.encode()) for text in lists] == [("file_unreadable", "file")] * 2


async def test_a_file_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    file = audio_file(tone(4), "mp3")
    heard = await decoded(file[: len(file) // 2])
    assert len(heard) / LISTENING_RATE == pytest.approx(2, abs=0.2)


async def test_the_file_is_closed_by_the_thread_that_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            threads.add(threading.current_thread().name)
            return super().read(size)

        def close(self) -> None:
            threads.add(threading.current_thread().name)
            super().close()

    file = Watched(audio_file(tone(12)))
    async with recording(file, LIMIT_S) as opened:
        async for _ in opened.blocks():
            break
    assert (file.closed, len(threads), threads != {threading.current_thread().name}) == (True, 1, True)


def test_a_reader_that_could_not_open_can_be_closed() -> None:
    file = io.BytesIO(b"nothing")
    reader = Reader(file, LIMIT_S)
    with pytest.raises(ClientError):
        reader.open()
    reader.close()
    assert file.closed
