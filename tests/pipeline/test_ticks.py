import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ticks import Tick

ENTRIES = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=50).map(lambda audio: audio[: len(audio) // 2 * 2])))


@settings(deadline=None)
@given(ENTRIES)
def test_what_is_packed_comes_out_in_order(entries: list[tuple[int, bytes]]) -> None:
    tick = pickle.loads(pickle.dumps(Tick.pack(entries)))
    assert [(conversation, samples.tobytes()) for conversation, samples in tick.unpack()] == entries


def test_an_empty_tick() -> None:
    assert Tick.pack([]) == Tick(b"", b"", b"")
    assert list(Tick(b"", b"", b"").unpack()) == []


def test_a_tick_is_three_byte_strings_however_many_speak() -> None:
    tick = Tick.pack((conversation, bytes(640)) for conversation in range(100))
    assert [len(column) for column in tick] == [800, 400, 64_000]


def test_samples_are_views_that_nobody_can_change() -> None:
    ((_, samples),) = Tick.pack([(1, np.arange(4, dtype=np.int16).tobytes())]).unpack()
    assert samples.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 5


def test_columns_that_do_not_match_are_refused() -> None:
    tick = Tick.pack([(1, b"\0\0"), (2, b"\0\0")])
    with pytest.raises(ValueError, match="shorter"):
        list(tick._replace(lengths=tick.lengths[:4]).unpack())
