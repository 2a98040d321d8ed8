import pytest

from pipeline.recent import Recent


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([], 0.0),
        ([7.0], 0.0),
        ([7.0, 9.0], 7.0),
        ([float(value) for value in range(19)], 17.0),
        ([float(value) for value in range(20)], 18.0),
        ([900.0, 900.0, *[5.0] * 38], 5.0),
        ([900.0, 900.0, *[5.0] * 37], 900.0),
    ],
)
def test_one_figure_in_twenty_is_spared(figures: list[float], expected: float) -> None:
    recent = Recent(5.0)
    for figure in figures:
        recent.add(figure, 0.0)
    assert recent.p95(0.0) == expected


def test_a_figure_counts_as_often_as_it_says() -> None:
    recent = Recent(5.0)
    recent.add(4.0, 0.0, times=95)
    recent.add(300.0, 0.0, times=5)
    assert recent.p95(0.0) == 4.0
    recent.add(300.0, 0.0)
    assert recent.p95(0.0) == 300.0


def test_what_is_older_is_forgotten() -> None:
    recent = Recent(5.0)
    recent.add(300.0, 1.0, times=2)
    recent.add(20.0, 4.0, times=2)
    assert [recent.p95(now) for now in (5.9, 6.0, 8.9, 9.0)] == [300.0, 20.0, 20.0, 0.0]


def test_too_few_tell_nothing() -> None:
    recent = Recent(5.0, fewest=3)
    recent.add(300.0, 0.0, times=2)
    assert recent.p95(0.0) == 0.0
    recent.add(10.0, 1.0)
    assert recent.p95(1.0) == 300.0
    assert recent.p95(5.0) == 0.0
