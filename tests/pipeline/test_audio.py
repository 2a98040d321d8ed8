import numpy as np
import pytest

from pipeline.audio import level_db, to_ms, to_samples


@pytest.mark.parametrize(("samples", "rate", "ms"), [(0, 16_000, 0), (320, 16_000, 20), (441, 44_100, 10), (999, 8_000, 125)])
def test_samples_in_milliseconds(samples: int, rate: int, ms: int) -> None:
    assert to_ms(samples, rate) == ms


@pytest.mark.parametrize(("ms", "rate", "samples"), [(0, 8_000, 0), (20, 48_000, 960), (12.5, 16_000, 200), (1, 44_100, 44)])
def test_milliseconds_in_samples(ms: float, rate: int, samples: int) -> None:
    assert to_samples(ms, rate) == samples


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000, 44_100, 48_000])
def test_milliseconds_survive_the_way_there_and_back(rate: int) -> None:
    assert [to_ms(to_samples(ms, rate), rate) for ms in range(2_000)] == list(range(2_000))


def test_loudness() -> None:
    sine = 32_767 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)
    assert level_db(sine.astype(np.int16)) == pytest.approx(-3.01, abs=0.01)
    assert level_db((sine / 100).astype(np.int16)) == pytest.approx(-43.01, abs=0.1)
    assert level_db(np.full(100, -32_768, np.int16)) == 0.0
    assert level_db(np.zeros(100, np.int16)) == -96.0
    assert level_db(np.empty(0, np.int16)) == -96.0
