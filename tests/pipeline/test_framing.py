import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.framing import CallerAudio
from pipeline.ports import Samples

LONG = np.random.default_rng(1).integers(-32768, 32767, 200_000, np.int16)
SHAPES = st.sampled_from([(512, 0.0), (1024, 0.5), (512, 0.5), (1024, 0.75), (7, 0.0)])


def pieces(sizes: list[int]) -> list[Samples]:
    """The beginning of `LONG` in pieces of these sizes."""
    ends = np.cumsum([0, *sizes])
    return [LONG[start:stop] for start, stop in itertools.pairwise(ends)]


def windows_of(audio: Samples, window: int, overlap: float) -> list[Samples]:
    hop = round(window * (1 - overlap))
    return [audio[start : start + window] for start in range(0, len(audio) - window + 1, hop)]


def taken(audio: CallerAudio) -> list[Samples]:
    windows: list[Samples] = []
    while (window := audio.next_window()) is not None:
        windows.append(window.copy())
    return windows


@settings(deadline=None)
@given(SHAPES, st.lists(st.integers(0, 3_000), max_size=60), st.lists(st.integers(0, 60_000), min_size=60, max_size=60))
def test_windows_are_slices_of_the_whole_whatever_the_chunks_and_whatever_is_forgotten(
    shape: tuple[int, float], sizes: list[int], forgotten: list[int]
) -> None:
    audio = CallerAudio(*shape)
    windows: list[Samples] = []
    for piece, before in zip(pieces(sizes), forgotten, strict=False):
        audio.append(piece)
        assert audio.windows_ready() == len(windows_of(LONG[: audio.received], *shape)) - len(windows)
        windows += taken(audio)
        assert audio.windows_ready() == 0
        audio.forget(before)
    expected = windows_of(LONG[: sum(sizes)], *shape)
    assert len(windows) == len(expected)
    assert all(np.array_equal(one, other) for one, other in zip(windows, expected, strict=True))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5_000), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 150_000), st.integers(0, 60_000)), min_size=30, max_size=30),
)
def test_a_cut_is_the_true_audio_as_long_as_it_is_wanted(sizes: list[int], wanted: list[tuple[int, int]]) -> None:
    audio = CallerAudio(512)
    keep_from = 0
    for piece, (start, length) in zip(pieces(sizes), wanted, strict=False):
        audio.append(piece)
        taken(audio)
        start = min(max(start, keep_from), audio.received)
        stop = min(start + length, audio.received)
        assert np.array_equal(audio.cut(start, stop), LONG[start:stop])
        keep_from = start
        audio.forget(keep_from)
        assert np.array_equal(audio.cut(keep_from, audio.received), LONG[keep_from : audio.received])


def test_a_cut_is_a_copy() -> None:
    audio = CallerAudio(512)
    audio.append(LONG[:1_000])
    cut = audio.cut(0, 1_000)
    audio.append(LONG[:40_000])
    audio.forget(20_000)
    assert np.array_equal(cut, LONG[:1_000])


def test_a_cut_of_what_is_gone_is_what_is_left_of_it() -> None:
    audio = CallerAudio(512)
    audio.append(LONG[:40_000])
    taken(audio)
    audio.drop(30_000)
    assert np.array_equal(audio.cut(20_000, 35_000), LONG[30_000:35_000])
    assert len(audio.cut(10_000, 20_000)) == 0
    assert len(audio.cut(35_000, 35_000)) == len(audio.cut(36_000, 35_000)) == 0


def test_what_no_window_has_shown_yet_is_not_forgotten() -> None:
    audio = CallerAudio(512)
    audio.append(LONG[:40_000])
    audio.next_window()
    audio.forget(40_000)
    windows = taken(audio)
    assert np.array_equal(np.concatenate(windows), LONG[512 : 512 * (len(windows) + 1)])


def test_what_is_dropped_takes_its_windows_along() -> None:
    audio = CallerAudio(512)
    audio.append(LONG[:40_000])
    audio.next_window()
    assert audio.drop(10_000) == 10_000
    assert audio.held == 30_000
    windows = taken(audio)
    first = 20 * 512
    assert np.array_equal(np.concatenate(windows), LONG[first : first + 512 * len(windows)])


def test_an_hour_of_silence_takes_no_memory() -> None:
    audio = CallerAudio(512)
    chunk = np.zeros(16_000, np.int16)
    most = 0
    for _ in range(3_600):
        audio.append(chunk)
        taken(audio)
        audio.forget(audio.received - 8_000)
        most = max(most, audio.held)
    assert audio.received == 3_600 * 16_000
    assert most <= 48_000


def test_what_long_speech_took_is_given_back() -> None:
    audio = CallerAudio(512)
    for _ in range(100):
        audio.append(LONG[:16_000])
        taken(audio)
    assert audio.held == 1_600_000
    audio.forget(audio.received - 4_000)
    assert audio.held == 4_000
    assert audio._data.nbytes == 32_000
    assert np.array_equal(audio.cut(audio.received - 4_000, audio.received), LONG[12_000:16_000])


def test_what_has_not_come_yet_is_in_no_cut() -> None:
    audio = CallerAudio(512)
    audio.append(LONG[:1_000])
    assert np.array_equal(audio.cut(600, 5_000), LONG[600:1_000])
    assert len(audio.cut(2_000, 5_000)) == 0
