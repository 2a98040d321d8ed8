"""G.711, the eight bits of a telephone line: mu-law and A-law to PCM16 and back, by tables."""

import numpy as np
from numpy.typing import NDArray

from pipeline.ports import Samples

Octets = NDArray[np.uint8]

_ULAW_BIAS = 33
_ULAW_CLIP = 8_158
_SAMPLES = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
"""All samples that there are, each at the place of its bits."""
_OCTETS = np.arange(1 << 8, dtype=np.int32)


def _to_ulaw() -> Octets:
    quarter = _SAMPLES >> 2
    size = np.minimum(np.abs(quarter), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.searchsorted([(0x40 << n) - 1 for n in range(8)], size)
    code = segment << 4 | size >> (segment + 1) & 0x0F
    return (code ^ np.where(quarter < 0, 0x7F, 0xFF)).astype(np.uint8)


def _from_ulaw() -> Samples:
    code = ~_OCTETS & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _to_alaw() -> Octets:
    eighth = _SAMPLES >> 3
    size = np.where(eighth < 0, -eighth - 1, eighth)
    segment = np.searchsorted([(0x20 << n) - 1 for n in range(8)], size)
    code = segment << 4 | size >> np.maximum(segment, 1) & 0x0F
    return (code ^ np.where(eighth < 0, 0x55, 0xD5)).astype(np.uint8)


def _from_alaw() -> Samples:
    code = _OCTETS ^ 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + np.where(segment, 0x108, 0x08) << np.maximum(segment - 1, 0)
    return np.where(code & 0x80, size, -size).astype(np.int16)


_TO_ULAW, _FROM_ULAW, _TO_ALAW, _FROM_ALAW = _to_ulaw(), _from_ulaw(), _to_alaw(), _from_alaw()


def ulaw_encode(pcm: bytes) -> bytes:
    return _TO_ULAW[np.frombuffer(pcm, np.uint16)].tobytes()


def ulaw_decode(octets: bytes) -> bytes:
    return _FROM_ULAW[np.frombuffer(octets, np.uint8)].tobytes()


def alaw_encode(pcm: bytes) -> bytes:
    return _TO_ALAW[np.frombuffer(pcm, np.uint16)].tobytes()


def alaw_decode(octets: bytes) -> bytes:
    return _FROM_ALAW[np.frombuffer(octets, np.uint8)].tobytes()
