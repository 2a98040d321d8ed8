import pytest

from pipeline.bucket import Bucket, RateLimit


def test_all_may_come_at_once_and_the_rest_at_an_even_pace() -> None:
    bucket = Bucket(per_minute=30, tokens=30, at=0.0)
    assert [bucket.take(0.0) for _ in range(30)] == [0.0] * 30
    assert bucket.take(0.0) == 2.0
    assert bucket.take(1.0) == 1.0
    assert (bucket.take(2.0), bucket.take(2.0)) == (0.0, 2.0)


def test_it_fills_up_no_further_than_full() -> None:
    bucket = Bucket(per_minute=2, tokens=2, at=0.0)
    assert [bucket.take(3600.0) for _ in range(3)] == [0.0, 0.0, 30.0]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(per_minute=60, tokens=0, at=100.0)
    assert bucket.take(40.0) == 1.0


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (0.0, RateLimit("requests", 60, 0, 59.5)),
        (10.0, RateLimit("requests", 60, 10, 49.5)),
        (100.0, RateLimit("requests", 60, 60, 0.0)),
    ],
)
def test_a_view_says_what_is_left_and_takes_nothing(now: float, expected: RateLimit) -> None:
    bucket = Bucket(per_minute=60, tokens=0.5, at=0.0)
    assert [bucket.view(now), bucket.view(now)] == [expected, expected]


def test_what_others_counted_holds() -> None:
    bucket = Bucket(per_minute=60, tokens=60, at=0.0)
    bucket.learn(0.25, 5.0)
    assert (bucket.wait_s(), bucket.take(5.0)) == (0.75, 0.75)
