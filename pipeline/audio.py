"""Arithmetic of PCM16 audio: media time is counted in samples and shown in milliseconds."""

import numpy as np

from pipeline.ports import Samples


def to_ms(samples: int, rate: int) -> int:
    return round(samples * 1000 / rate)


def to_samples(ms: float, rate: int) -> int:
    return round(ms * rate / 1000)


def level_db(samples: Samples) -> float:
    """Loudness against full scale; silence is -96 dB."""
    if not len(samples):
        return -96.0
    power = float(np.mean(np.square(samples.astype(np.float64) / 32768.0)))
    return max(-96.0, 10 * np.log10(power)) if power > 0 else -96.0
