"""How long a quiet caller's audio may wait, and what ends that."""

import numpy as np
import pytest

from gateway.lull import Lull

FRAME = 320


def frames(loudest: int, count: int) -> list[bytes]:
    """Of 20 ms, each with one sample that is the loudest."""
    return [np.array([loudest] + (FRAME - 1) * [0], np.int16).tobytes()] * count


def held(lull: Lull, pcm: list[bytes]) -> str:
    """What becomes of each frame: `.` waits, `|` leaves with all that waited."""
    return "".join("." if lull.holds(frame) else "|" for frame in pcm)


@pytest.fixture
def lull() -> Lull:
    """Of a caller who has just been quiet for as long as it takes."""
    lull = Lull()
    assert held(lull, frames(0, 100)) == 100 * "|"
    return lull


def test_audio_goes_five_frames_at_a_time(lull: Lull) -> None:
    assert held(lull, frames(0, 12)) == "....|....|.."


@pytest.mark.parametrize(("loudest", "expected"), [(100, "."), (-100, "."), (101, "|"), (-101, "|"), (-32_768, "|")])
def test_only_what_is_faint_waits(lull: Lull, loudest: int, expected: str) -> None:
    assert held(lull, frames(loudest, 1)) == expected


def test_after_a_sound_nothing_waits_for_two_seconds(lull: Lull) -> None:
    assert held(lull, [*frames(0, 2), *frames(5_000, 3), *frames(0, 107)]) == ".." + 103 * "|" + "....|.."


def test_frames_may_have_any_length(lull: Lull) -> None:
    assert held(lull, [bytes(2 * 1_599), bytes(2), bytes(2 * 16_000), bytes(2)]) == ".||."
