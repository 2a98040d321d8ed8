import pytest

from bench.leaks import LEAST, Growth, Sample, Slope, growth, leaks, left_over, slope, together
from bench.targets import Verdict

EVERY_S = 10.0


def samples(count: int, mb_an_hour: float = 0.0, noise_mb: float = 0.0, files_an_hour: float = 0.0) -> list[Sample]:
    """A sawtooth of noise."""
    times = [EVERY_S * number for number in range(count)]
    return [
        Sample(at, 100 + mb_an_hour * at / 3600 + noise_mb * (number % 2), 150.0, 50 + round(files_an_hour * at / 3600), 9)
        for number, at in enumerate(times)
    ]


def judged(count: int = 120, **other: float) -> Growth:
    return growth("part", samples(count, **other), 0.0)


def test_a_straight_line_has_no_error() -> None:
    found = slope([(0.0, 1.0), (1800.0, 2.0), (3600.0, 3.0)])
    assert found == Slope(pytest.approx(2.0), pytest.approx(0.0, abs=1e-9))


def test_noise_is_in_the_error() -> None:
    found = slope([(0.0, 0.0), (3600.0, 1.0), (7200.0, 0.0), (10_800.0, 1.0)])
    assert found == Slope(pytest.approx(0.2), pytest.approx(0.2828, abs=1e-4))


@pytest.mark.parametrize("points", [[], [(0.0, 1.0), (1.0, 2.0)], [(5.0, 1.0)] * 4])
def test_too_little_makes_no_line(points: list[tuple[float, float]]) -> None:
    assert slope(points) is None


@pytest.mark.parametrize(
    ("name", "found", "leaking"),
    [
        ("own_mb", Slope(5.0, 0.0), False),
        ("own_mb", Slope(5.1, 0.0), True),
        ("own_mb", Slope(9.0, 2.0), False),
        ("own_mb", Slope(9.1, 2.0), True),
        ("fds", Slope(20.1, 0.0), True),
        ("threads", Slope(10.0, 0.0), False),
    ],
)
def test_a_leak_is_more_than_the_limit_and_more_than_noise(name: str, found: Slope, leaking: bool) -> None:
    assert leaks(name, found) == leaking


def test_verdicts() -> None:
    assert judged().verdict is Verdict.MET
    assert judged(mb_an_hour=4.0, noise_mb=1.0).verdict is Verdict.MET
    assert judged(mb_an_hour=30.0, noise_mb=1.0).verdict is Verdict.MISSED
    assert judged(files_an_hour=100.0).verdict is Verdict.MISSED
    assert judged(count=LEAST, mb_an_hour=30.0).verdict is Verdict.MISSED


def test_few_samples_tell_nothing() -> None:
    short = judged(count=LEAST - 1, mb_an_hour=300.0)
    assert (short.verdict, short.slopes, short.samples) == (Verdict.UNKNOWN, {}, LEAST - 1)


def test_only_the_second_half_counts() -> None:
    filling = [Sample(at, at / 10, 150.0, 50, 9) for at in (EVERY_S * number for number in range(60))]
    level = [Sample(600 + at.at, 60.0, 150.0, 50, 9) for at in samples(60)]
    whole = growth("part", [*filling, *level], 600.0)
    assert (whole.verdict, whole.first.own_mb, whole.last.own_mb) == (Verdict.MET, 0.0, 60.0)


def test_what_is_left_over() -> None:
    health = {
        "sessions": {"active": 2, "total": 90},
        "stages": {"asr": {"queue_depth": 0, "alive": 1}, "vad": {"queue_depth": 3, "alive": 1}},
    }
    assert left_over(health) == {"conversations": 2, "waiting at vad": 3}


def test_one_leak_is_enough() -> None:
    good, bad, short = judged(), judged(mb_an_hour=30.0), judged(count=1)
    assert together([good, short], {}) is Verdict.MET
    assert together([good, bad], {}) is Verdict.MISSED
    assert together([good], {"conversations": 1}) is Verdict.MISSED
    assert together([short], {}) is Verdict.UNKNOWN
