from actors.lateness import Lateness


def test_windows_count_each_for_itself() -> None:
    lateness = Lateness()
    lateness.judged(1, 400.0, 0.0)
    lateness.judged(19, 20.0, 0.0)
    assert lateness.ms(0.0) == 20.0
    lateness.judged(1, 300.0, 0.1)
    assert lateness.ms(0.1) == 300.0


def test_nothing_judged_is_no_wait() -> None:
    lateness = Lateness()
    lateness.judged(0, 900.0, 0.0)
    assert lateness.ms(0.0) == 0.0


def test_turns_count_with_the_wait_before_them_and_only_when_they_are_many() -> None:
    lateness = Lateness()
    lateness.judged(100, 30.0, 0.0)
    for _ in range(19):
        lateness.answered(80.0, 0.0)
    assert lateness.ms(0.0) == 30.0
    lateness.answered(80.0, 0.0)
    assert lateness.ms(0.0) == 110.0


def test_what_was_late_is_over_after_a_while() -> None:
    lateness = Lateness()
    lateness.judged(10, 300.0, 0.0)
    for _ in range(20):
        lateness.answered(200.0, 1.0)
    assert [lateness.ms(now) for now in (4.9, 5.9, 6.0)] == [500.0, 500.0, 0.0]
