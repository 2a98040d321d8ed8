import numpy as np
import pytest

from pipeline.cutting import EARLIEST, Cutter, Piece
from pipeline.ports import LISTENING_RATE, Samples


def noise(seconds: float, loud: int = 8_000, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-loud, loud, int(seconds * LISTENING_RATE)).astype(np.int16)


def cut(recording: Samples, longest_s: float, block: int = 16_000) -> list[Piece]:
    cutter = Cutter(longest_s)
    pieces: list[Piece] = []
    for start in range(0, len(recording), block):
        pieces += cutter.push(recording[start : start + block])
    return pieces + cutter.finish()


def test_a_short_recording_is_one_piece() -> None:
    recording = noise(10)
    [piece] = cut(recording, 10)
    assert (piece.start_s, piece.end_s) == (0.0, 10.0)
    assert np.array_equal(piece.samples, recording)


def test_nothing_is_no_piece() -> None:
    assert cut(np.empty(0, np.int16), 10) == []


@pytest.mark.parametrize("block", [700, 16_000, 500_000])
def test_a_cut_is_in_the_pause_whatever_the_blocks(block: int) -> None:
    recording = np.concatenate([noise(8), noise(0.5, loud=50), noise(9), noise(0.4, loud=80), noise(3)])
    pieces = cut(recording, 10, block)
    assert [piece.start_s for piece in pieces] == pytest.approx([0, 8.25, 17.7], abs=0.2)
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), recording)
    assert [piece.start_s for piece in pieces[1:]] == [piece.end_s for piece in pieces[:-1]]


def test_a_pause_is_preferred_to_a_short_gap() -> None:
    gap, pause = noise(0.1, loud=1), noise(0.4, loud=1_000)
    recording = np.concatenate([noise(7.5), gap, noise(1), pause, noise(4)])
    first, _ = cut(recording, 10)
    assert first.end_s == pytest.approx(8.8, abs=0.2)


def test_without_a_pause_no_piece_is_too_long_or_too_short() -> None:
    pieces = cut(noise(60), 10)
    lengths = [piece.end_s - piece.start_s for piece in pieces]
    assert max(lengths) <= 10
    assert min(lengths[:-1]) >= 10 * EARLIEST


@pytest.mark.parametrize(("loud", "silent"), [(1, True), (60, True), (100, False)])
def test_what_is_silent(loud: int, silent: bool) -> None:
    [piece] = cut(noise(1, loud), 10)
    assert piece.silent is silent


def test_the_deepest_sample_is_not_silent() -> None:
    assert Piece(np.array([-32_768], np.int16), 0.0).silent is False
