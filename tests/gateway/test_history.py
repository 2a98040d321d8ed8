"""Half an hour of points, in columns."""

from gateway.history import History


def test_a_point_is_due_every_five_seconds() -> None:
    history = History()
    assert history.due(100.0)
    history.add({"at": 100.0})
    assert [history.due(at) for at in (100.1, 104.4, 104.6, 105.0)] == [False, False, True, True]


def test_what_came_later_was_nothing_before() -> None:
    history = History()
    history.add({"at": 100.0, "p50": 300})
    history.add({"at": 105.0, "p50": None, "provider.asr.sim": 0})
    assert history.columns() == {"at": [100.0, 105.0], "p50": [300, None], "provider.asr.sim": [None, 0]}


def test_half_an_hour_is_kept() -> None:
    history = History()
    for number in range(500):
        history.add({"at": 5.0 * number})
    at = history.columns()["at"]
    assert (len(at), at[-1]) == (360, 2_495.0)
