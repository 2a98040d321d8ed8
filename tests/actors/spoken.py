"""What a caller's microphone brings: speech made by the voice that we ship, and silence; PCM16 at 16 kHz."""

import numpy as np

from bench.speech import say as spoken
from pipeline.ports import LISTENING_RATE, Samples

__all__ = ["silence", "spoken"]


def silence(ms: int) -> Samples:
    return np.zeros(ms * LISTENING_RATE // 1000, np.int16)
