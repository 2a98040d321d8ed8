"""Sound in the formats that clients ask for, encoded as it comes: nothing waits for the end.

What an encoder gives is a file that can be played from its first bytes on. A length is written nowhere, for nobody knows it
when the file begins; a WAV says the largest that there is, as players of streams expect.
"""

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

import av
import numpy as np
from av.audio.stream import AudioStream

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

SLICE_S = 0.5
"""Sound that is encoded in one go: a long piece must not keep its own beginning waiting."""

_UNKNOWN = 0xFFFFFFFF


class Encoder(Protocol):
    """Takes PCM16 mono in whole samples."""

    slow: bool
    """Whether it takes long enough to stand in the way of an event loop."""

    def push(self, pcm: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Codec:
    container: str
    codec: str
    bit_rate: int | None
    options: dict[str, str]


_CODECS: dict[str, _Codec] = {
    # A table of contents, which would be written to the beginning at the end, is left out.
    "mp3": _Codec("mp3", "libmp3lame", 64_000, {"write_xing": "0", "id3v2_version": "0"}),
    # The page of a stream is a second unless told otherwise (here in microseconds).
    "opus": _Codec("ogg", "libopus", 32_000, {"page_duration": "100000"}),
    "aac": _Codec("adts", "aac", 64_000, {}),
    "flac": _Codec("flac", "flac", None, {}),
}


def make_encoder(kind: Format, rate: int) -> Encoder:
    match kind:
        case "pcm":
            return _Raw(b"")
        case "wav":
            return _Raw(_wav_header(rate))
        case _:
            return _Compressed(_CODECS[kind], rate)


async def encoded(sound: AsyncGenerator[bytes, None], encoder: Encoder, rate: int) -> AsyncGenerator[bytes, None]:
    """The sound as it is encoded, in pieces that are never empty."""
    size = 2 * int(SLICE_S * rate)
    async with aclosing(sound):
        async for pcm in sound:
            for start in range(0, len(pcm), size):
                piece = pcm[start : start + size]
                if made := await asyncio.to_thread(encoder.push, piece) if encoder.slow else encoder.push(piece):
                    yield made
    if rest := await asyncio.to_thread(encoder.finish) if encoder.slow else encoder.finish():
        yield rest


class _Raw:
    """Samples as they are, after a header."""

    slow = False

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, pcm: bytes) -> bytes:
        made, self._header = self._header + pcm, b""
        return made

    def finish(self) -> bytes:
        return self.push(b"")


class _Compressed:
    """A codec and its container, which writes what it has after each frame."""

    slow = True

    def __init__(self, codec: _Codec, rate: int) -> None:
        self._made: list[bytes] = []
        self._rate = rate
        self._samples = 0
        options = {**codec.options, "flush_packets": "1"}
        self._container = av.open(self, "w", format=codec.container, options=options)
        stream = self._container.add_stream(codec.codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        if codec.bit_rate is not None:
            stream.bit_rate = codec.bit_rate
        self._stream = stream

    def write(self, data: bytes) -> int:
        """What the container writes to: it takes this object for a file that cannot be rewound."""
        self._made.append(bytes(data))
        return len(data)

    def push(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        if samples.size:
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._samples
            self._samples += samples.size
            self._container.mux(self._stream.encode(frame))
        return self._take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._take()

    def _take(self) -> bytes:
        made = b"".join(self._made)
        self._made.clear()
        return made


def _wav_header(rate: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", _UNKNOWN, b"WAVE") + form + struct.pack("<4sI", b"data", _UNKNOWN)
