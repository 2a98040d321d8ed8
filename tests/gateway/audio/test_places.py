import pytest

from gateway.audio.places import Places
from pipeline.errors import ClientError


def test_one_more_than_there_are_places_is_told_when_to_come_back() -> None:
    places = Places(2, "texts are spoken", 5.0)
    with places.take(), places.take():
        with pytest.raises(ClientError) as caught, places.take():
            pass
        assert places.taken == 2
    error = caught.value
    expected = ("rate_limit_exceeded", "2 texts are spoken already; try again in 5 s", 5.0)
    assert (error.code, error.message, error.retry_after_s) == expected


def test_a_place_is_free_again_however_it_was_left() -> None:
    places = Places(1, "texts are spoken", 1.0)
    with pytest.raises(RuntimeError), places.take():
        raise RuntimeError
    with places.take():
        assert places.taken == 1
    assert places.taken == 0
