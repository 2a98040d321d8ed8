"""WAV files of 16-bit PCM: read as one channel at the file's own rate, written as one channel."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import ClientError
from pipeline.ports import Samples

RATES = range(8_000, 48_001)


@dataclass(frozen=True, slots=True)
class Recording:
    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read(path: Path) -> Recording:
    """Two channels become their mean."""
    try:
        with path.open("rb") as raw, wave.open(raw) as file:
            shape = file.getparams()
            data = file.readframes(shape.nframes)
    except OSError as error:
        raise ClientError("wav_unreadable", f"cannot read {path}: {error.strerror}") from None
    except (wave.Error, EOFError) as error:
        raise ClientError(
            "wav_unreadable", f"{path} is not a WAV file of PCM samples: {error or 'it ends too early'}"
        ) from None
    if shape.sampwidth != 2 or shape.nchannels not in (1, 2) or shape.framerate not in RATES:
        got = f"{8 * shape.sampwidth} bits, {shape.nchannels} channels, {shape.framerate} Hz"
        raise ClientError("wav_unsupported", f"{path} has {got}; 16 bits, 1 or 2 channels and 8000 to 48000 Hz are taken")
    # A file that was cut off may end within a sample.
    whole = len(data) - len(data) % (2 * shape.nchannels)
    samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
    if shape.nchannels == 2:
        samples = samples.reshape(-1, 2).mean(axis=1).round().astype(np.int16)
    return Recording(samples, shape.framerate)


def write(path: Path, samples: Samples, rate: int) -> None:
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(samples.astype("<i2").tobytes())
    except OSError as error:
        raise ClientError("wav_unwritable", f"cannot write {path}: {error.strerror}") from None
