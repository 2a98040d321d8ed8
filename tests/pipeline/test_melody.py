import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.melody import lowering
from pipeline.ports import LISTENING_RATE, Samples


def voice(*parts: tuple[float, int], loudness: float = 3_000.0) -> Samples:
    """A buzz with the overtones of a voice, at each pitch for so many milliseconds; no pitch is silence."""
    pitch = np.concatenate([np.full(ms * LISTENING_RATE // 1000, hz) for hz, ms in parts])
    phase = 2 * np.pi * np.cumsum(pitch) / LISTENING_RATE
    sound = sum(np.sin(overtone * phase) / overtone for overtone in range(1, 12))
    return np.rint(loudness * sound * (pitch > 0)).astype(np.int16)


@pytest.mark.parametrize("hz", [85, 120, 200, 240])
@pytest.mark.parametrize("semitones", [-4, 0, 3, 5])
def test_an_end_is_measured_against_what_came_before(hz: float, semitones: float) -> None:
    spoken = voice((hz, 1_000), (hz * 2 ** (-semitones / 12), 200))
    assert lowering(spoken) == pytest.approx(semitones, abs=1.0)


def test_pauses_inside_do_not_count() -> None:
    spoken = voice((150, 400), (0, 300), (150, 400), (0, 100), (120, 150), (0, 60))
    assert lowering(spoken) == pytest.approx(12 * np.log2(150 / 120), abs=1.0)


def test_what_was_said_long_ago_does_not_count() -> None:
    assert lowering(voice((300, 3_000), (120, 2_200))) == pytest.approx(0, abs=0.5)


def test_loudness_does_not_matter() -> None:
    quiet, loud = (lowering(voice((150, 800), (110, 150), loudness=loudness)) for loudness in (300.0, 5_000.0))
    assert quiet == pytest.approx(loud, abs=0.3)


def test_without_a_voice_nothing_can_be_told() -> None:
    noise = np.random.default_rng(1).normal(0, 2_000, LISTENING_RATE).astype(np.int16)
    assert [lowering(sound) for sound in (np.zeros(0, np.int16), np.zeros(16_000, np.int16), noise, voice((150, 120)))] == [
        None
    ] * 4


@given(arrays(np.int16, st.integers(0, 8_000)))
def test_any_sound_can_be_looked_at(samples: Samples) -> None:
    fell = lowering(samples)
    assert fell is None or abs(fell) < 40
