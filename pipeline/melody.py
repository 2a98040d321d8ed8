"""How a voice ends: sentences mostly end low, and who breaks off or lists things stays in the middle of the own pitch.

Only how low the end is counts, against the same speaker a moment before: rises say little, for questions rise and lists do too.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.audio import to_samples
from pipeline.ports import LISTENING_RATE, Samples

LOOK_MS = 2_000
"""How far back the speaker's usual pitch is taken from."""
_THIN = 4
_RATE = LISTENING_RATE // _THIN
_FRAME, _HOP, _POINTS = 40 * _RATE // 1000, 15 * _RATE // 1000, 512
_SHORTEST, _LONGEST = _RATE // 400, _RATE // 65
"""Periods of a voice, in samples."""
_VOICED = 0.55
"""Likeness of one period to the next from which there is a voice."""
_FAINT = 60.0
_LEAST, _LAST = 12, 5
"""Frames with a voice that are needed, and that are its end."""
_WINDOW = np.hanning(_FRAME)


def lowering(samples: Samples) -> float | None:
    """Semitones by which the end of speech lies below the speaker's usual pitch; None when nothing can be told."""
    pitches = _pitches(samples[-to_samples(LOOK_MS, LISTENING_RATE) :])
    if len(pitches) < _LEAST:
        return None
    return float(12 * np.log2(np.median(pitches) / np.median(pitches[-_LAST:])))


def _pitches(samples: Samples) -> NDArray[np.float64]:
    """In Hz, one for each frame with a voice."""
    thin = samples[: len(samples) // _THIN * _THIN].reshape(-1, _THIN).mean(axis=1)
    if len(thin) < _FRAME:
        return np.empty(0)
    frames = np.lib.stride_tricks.sliding_window_view(thin, _FRAME)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    loud = frames[np.sqrt(np.square(frames).mean(axis=1)) > _FAINT]
    likeness = _likeness(loud * _WINDOW) / _likeness(_WINDOW[None])
    best = likeness[:, _SHORTEST:].max(axis=1)
    # Two periods are as alike as one: the shortest that is nearly as good is the voice's.
    good = likeness[:, _SHORTEST:] >= 0.9 * best[:, None]
    peak = np.ones_like(good)
    peak[:, 1:] &= likeness[:, _SHORTEST + 1 :] >= likeness[:, _SHORTEST:-1]
    peak[:, :-1] &= likeness[:, _SHORTEST:-1] >= likeness[:, _SHORTEST + 1 :]
    period = _SHORTEST + (good & peak).argmax(axis=1)
    return _RATE / period[best >= _VOICED]


def _likeness(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """How alike each frame is to itself, shifted by so many samples."""
    products = np.fft.irfft(np.abs(np.fft.rfft(frames, _POINTS)) ** 2)[:, : _LONGEST + 1]
    return products / (products[:, :1] + 1e-9)
