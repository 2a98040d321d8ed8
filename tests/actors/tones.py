"""How clean a tone is."""

import numpy as np

from pipeline.ports import Samples


def pure(samples: Samples, rate: int, hertz: int = 440) -> tuple[float, float]:
    """How loud the sine in these samples is, and by how much they differ from it anywhere; a click would show."""
    inner = samples[rate // 20 : -rate // 20].astype(float)
    angle = 2 * np.pi * hertz * np.arange(len(inner)) / rate
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    parts = np.linalg.lstsq(waves, inner, rcond=None)[0]
    return float(np.hypot(*parts)), float(np.abs(inner - waves @ parts).max())
