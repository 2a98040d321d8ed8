"""Audio files of the usual formats, made from samples."""

import io
import wave
from fractions import Fraction

import av
import numpy as np

from pipeline.ports import LISTENING_RATE, Samples

CODECS = {
    "wav": ("wav", "pcm_s16le", LISTENING_RATE),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "flac": ("flac", "flac", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
    "mp4": ("mp4", "aac", 44_100),
}
"""Container, codec and samples a second for each ending."""


def audio_file(samples: Samples, ending: str = "wav", rate: int | None = None, layout: str = "mono") -> bytes:
    """The samples, at 16 kHz, as a file of that kind."""
    container, codec, usual = CODECS[ending]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as writer:
        stream = writer.add_stream(codec, rate=rate or usual, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = LISTENING_RATE, Fraction(1, LISTENING_RATE), 0
        resampler = av.AudioResampler(stream.format, layout, rate or usual, frame_size=stream.frame_size or 0)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            writer.mux(stream.encode(part))
        writer.mux(stream.encode(None))
    return file.getvalue()


def tone(seconds: float, hertz: float = 440.0, loud: int = 8_000) -> Samples:
    times = np.arange(int(seconds * LISTENING_RATE)) / LISTENING_RATE
    return (loud * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


def plain_wav(samples: Samples, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()
