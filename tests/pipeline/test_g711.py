import audioop
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode

EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype=np.int16).tobytes()
EVERY_OCTET = bytes(range(256))


@pytest.mark.parametrize(
    ("encode", "samples", "expected"),
    [
        (ulaw_encode, [0, 32_767, -32_768], b"\xff\x80\x00"),
        (alaw_encode, [0, 32_767, -32_768], b"\xd5\xaa\x2a"),
    ],
)
def test_silence_and_the_loudest_samples(encode: Callable[[bytes], bytes], samples: list[int], expected: bytes) -> None:
    assert encode(np.array(samples, np.int16).tobytes()) == expected


def test_every_sample_is_encoded_as_elsewhere() -> None:
    assert ulaw_encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert alaw_encode(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)


def test_every_octet_is_decoded_as_elsewhere() -> None:
    assert ulaw_decode(EVERY_OCTET) == audioop.ulaw2lin(EVERY_OCTET, 2)
    assert alaw_decode(EVERY_OCTET) == audioop.alaw2lin(EVERY_OCTET, 2)


def test_what_was_decoded_is_encoded_as_it_was() -> None:
    assert alaw_encode(alaw_decode(EVERY_OCTET)) == EVERY_OCTET
    # mu-law has a zero below and one above.
    assert ulaw_encode(ulaw_decode(EVERY_OCTET)) == EVERY_OCTET.replace(b"\x7f", b"\xff")


def test_nothing_is_nothing() -> None:
    assert [code(b"") for code in (ulaw_encode, ulaw_decode, alaw_encode, alaw_decode)] == [b"", b"", b"", b""]
