from pipeline.health import Breaker, Condition


def broken(at: float = 0.0) -> Breaker:
    breaker = Breaker(break_after=3, probe_after_s=10)
    for _ in range(3):
        breaker.failed("it timed out", at)
    return breaker


def test_some_failures_in_a_row_are_forgiven() -> None:
    breaker = Breaker(break_after=3, probe_after_s=10)
    for _ in range(5):
        breaker.failed("it timed out", 0.0)
        breaker.failed("it timed out", 0.0)
        assert (breaker.condition, breaker.allows(0.0), breaker.reason) == (Condition.HEALTHY, True, "it timed out")
        breaker.succeeded()
        assert breaker.reason == ""


def test_after_too_many_it_rests() -> None:
    breaker = broken(at=5.0)
    assert (breaker.condition, breaker.reason) == (Condition.RESTING, "it timed out")
    assert [breaker.allows(now) for now in (5.0, 10.0, 14.9)] == [False] * 3


def test_then_one_request_is_let_through_to_see() -> None:
    breaker = broken()
    assert [breaker.allows(10.0), breaker.condition] == [True, Condition.PROBING]
    assert [breaker.allows(10.0), breaker.allows(19.9)] == [False, False]


def test_a_probe_that_succeeds_brings_it_back() -> None:
    breaker = broken()
    breaker.allows(10.0)
    breaker.succeeded()
    assert [breaker.allows(10.0), breaker.allows(10.0), breaker.condition] == [True, True, Condition.HEALTHY]
    breaker.failed("again", 11.0)
    assert breaker.allows(11.0)  # failures count anew


def test_a_probe_that_fails_sends_it_back_to_rest() -> None:
    breaker = broken()
    breaker.allows(10.0)
    breaker.failed("still broken", 12.0)
    assert (breaker.condition, breaker.reason) == (Condition.RESTING, "still broken")
    assert [breaker.allows(21.9), breaker.allows(22.0)] == [False, True]


def test_a_probe_that_never_comes_back_is_followed_by_another() -> None:
    breaker = broken()
    breaker.allows(10.0)
    assert breaker.allows(20.0)
