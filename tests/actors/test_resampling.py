import numpy as np
import pytest

from actors.resampling import Resampler
from pipeline.ports import Samples
from tests.actors.tones import pure

RATES = [8_000, 12_000, 16_000, 24_000, 44_100, 48_000]
SECONDS = 2


def sine(rate: int, hertz: int = 440) -> Samples:
    return (10_000 * np.sin(2 * np.pi * hertz * np.arange(SECONDS * rate) / rate)).astype(np.int16)


def streamed(samples: Samples, rate_in: int, rate_out: int, chunk: int) -> Samples:
    resampler = Resampler(rate_in, rate_out)
    pieces = [resampler.push(samples[start : start + chunk]) for start in range(0, len(samples), chunk)]
    return np.concatenate([*pieces, resampler.push(np.empty(0, np.int16), last=True)])


@pytest.mark.parametrize("hertz", [440, 3_000])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("chunk_ms", [20, 7])
def test_a_stream_sounds_as_if_it_were_one_piece(rate: int, chunk_ms: int, hertz: int) -> None:
    made = streamed(sine(rate, hertz), rate, 16_000, chunk=rate * chunk_ms // 1000)
    assert made.dtype == np.int16
    assert len(made) == SECONDS * 16_000
    loud, off = pure(made, 16_000, hertz)
    assert abs(loud - 10_000) < 10
    assert off <= 4


@pytest.mark.parametrize("rate", RATES)
def test_what_the_caller_hears_is_resampled_as_well(rate: int) -> None:
    made = streamed(sine(22_050), 22_050, rate, chunk=4_410)
    assert len(made) == SECONDS * rate
    loud, off = pure(made, rate)
    assert abs(loud - 10_000) < 10
    assert off <= 4


@pytest.mark.parametrize("rate", RATES)
def test_a_live_stream_is_hardly_held_back(rate: int) -> None:
    resampler = Resampler(rate, 16_000)
    samples, frame = sine(rate), rate // 50
    made = 0
    for number, start in enumerate(range(0, len(samples), frame), start=1):
        made += len(resampler.push(samples[start : start + frame]))
        assert number * 320 - made <= 30 * 16


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_what_is_too_high_for_the_lower_rate_does_not_come_back_as_something_else(rate: int) -> None:
    made = streamed(sine(rate, hertz=11_000), rate, 16_000, chunk=rate // 50)
    assert np.abs(made.astype(int)[400:-400]).max() < 30


def test_equal_rates_cost_nothing() -> None:
    samples = sine(16_000)
    assert Resampler(16_000, 16_000).push(samples) is samples


def test_streams_do_not_mix() -> None:
    first, second = Resampler(8_000, 16_000), Resampler(8_000, 16_000)
    samples, other = sine(8_000), sine(8_000, hertz=1_000)
    made: list[Samples] = []
    for start in range(0, len(samples), 160):
        made.append(first.push(samples[start : start + 160]))
        second.push(other[start : start + 160])
    made.append(first.push(np.empty(0, np.int16), last=True))
    alone = streamed(samples, 8_000, 16_000, 160)
    assert np.abs(np.concatenate(made).astype(int) - alone).max() <= 2  # its last bit is dithered
