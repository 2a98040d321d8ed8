"""Audio files as PCM16 mono at 16 kHz, block by block, so that a long recording is never in memory as a whole.

Only formats that hold their audio themselves are opened: a playlist would have the decoder open files and addresses that its
author chose. Decoding runs in a thread of its own for each file, in blocks of a few seconds, and the file is closed in that
thread: nothing is closed under a decoder that still works.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import IO, TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError

from pipeline.errors import ClientError
from pipeline.ports import LISTENING_RATE, Samples

T = TypeVar("T")

FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,"
    "tta,w64,wav,wv"
)
BLOCK = 5 * LISTENING_RATE
"""Samples that are decoded at once, so that who leaves is not decoded for much longer."""
SLOWEST_RATE = 4_000
"""Samples a second; a file that claims fewer would become thousands of times as long on its way to 16 kHz."""


@asynccontextmanager
async def recording(file: IO[bytes], max_audio_s: int) -> AsyncGenerator["Recording", None]:
    """The audio of a file, for as long as the block lasts; the file is closed with it."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoding")
    reader = Reader(file, max_audio_s)
    try:
        opened = Recording(reader, thread)
        await opened.run(reader.open)
        yield opened
    finally:
        closing = asyncio.get_running_loop().run_in_executor(thread, reader.close)
        thread.shutdown(wait=False)
        await asyncio.shield(closing)


class Recording:
    def __init__(self, reader: "Reader", thread: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._thread = thread

    @property
    def seconds(self) -> float:
        """How much was decoded by now."""
        return self._reader.decoded / LISTENING_RATE

    async def blocks(self) -> AsyncGenerator[Samples, None]:
        while len(block := await self.run(self._reader.read)):
            yield block

    async def run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)


class Reader:
    """One file and its decoder; used by one thread."""

    def __init__(self, file: IO[bytes], max_audio_s: int) -> None:
        self.decoded = 0
        self._file = file
        self._max_audio_s = max_audio_s
        self._container: InputContainer | None = None
        self._samples: Iterator[Samples] = iter(())

    def open(self) -> None:
        options = {"format_whitelist": FORMATS}
        try:
            container = av.open(self._file, mode="r", options=options, metadata_errors="ignore")
        except (FFmpegError, EOFError, ValueError):
            raise _unreadable() from None
        self._container = container
        if not container.streams.audio:
            raise ClientError("file_unreadable", "the file has no audio in it", "file")
        if (container.duration or 0) > self._max_audio_s * av.time_base:
            raise self._too_long()
        self._samples = self._decode(container)

    def read(self) -> Samples:
        """The next block; an empty one is the end."""
        block: list[Samples] = []
        count = 0
        for samples in self._samples:
            block.append(samples)
            count += len(samples)
            if count >= BLOCK:
                break
        self.decoded += count
        if self.decoded > self._max_audio_s * LISTENING_RATE:
            raise self._too_long()
        return np.concatenate(block) if block else np.empty(0, np.int16)

    def close(self) -> None:
        self._samples = iter(())
        if self._container is not None:
            self._container.close()
        self._file.close()

    def _decode(self, container: InputContainer) -> Iterator[Samples]:
        resampler: AudioResampler | None = None
        shape: object = None
        broken = False
        for frames in _frames(container):
            broken = broken or frames is None
            for frame in frames or ():
                if frame.sample_rate < SLOWEST_RATE:
                    raise _unreadable()
                if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
                    yield from _resampled(resampler, None)
                    resampler = AudioResampler("s16", "mono", LISTENING_RATE)
                yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)
        if resampler is None and broken:
            raise _unreadable()

    def _too_long(self) -> ClientError:
        return ClientError("audio_too_long", f"a recording may last {self._max_audio_s} s; send it in parts", "file")


def _frames(container: InputContainer) -> Iterator[list[AudioFrame] | None]:
    """The frames of each packet, or None for one that cannot be decoded; a file that breaks off just ends."""
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, EOFError):
            yield None
            return
        try:
            yield [frame for frame in packet.decode() if isinstance(frame, AudioFrame)]
        except (FFmpegError, EOFError):
            yield None


def _resampled(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[Samples]:
    """With no frame: what is left in the filter."""
    for piece in resampler.resample(frame) if resampler is not None else ():
        yield piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _unreadable() -> ClientError:
    message = "the file is no audio that can be read; send wav, mp3, m4a, mp4, flac, ogg or webm"
    return ClientError("file_unreadable", message, "file")
