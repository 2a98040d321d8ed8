from typing import get_args

import pytest

from pipeline import notices
from pipeline.errors import Fault
from pipeline.latency import Latency
from pipeline.notices import Notice
from tests.pipeline.crossing import crosses, names

NOTICES: list[Notice] = [
    notices.SessionOpened("1f", "secret", 16_000, 24_000, {"asr": "sphinx"}),
    notices.CallerBegan(1_000),
    notices.CallerStopped(2_000),
    notices.Heard(3, "hello", True, "en", None),
    notices.Said(3, "Good morning.", False),
    notices.AudioStarted(3),
    notices.AudioDone(3, 1_500),
    notices.Held(3, 700),
    notices.WentOn(3, 700),
    notices.Interrupted(3, 700, "Good"),
    notices.TurnReport(3, Latency(500, 80, 150, 60, 5, 795), True, "neither", ("llm",), ("asked another",)),
    notices.Failed("provider_timeout", "it did not answer in time", Fault.PROVIDER),
]


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_a_notice_is_frozen_and_crosses_actors(notice: Notice) -> None:
    crosses(notice)


def test_there_is_an_example_of_each() -> None:
    assert {type(notice) for notice in NOTICES} == set(get_args(Notice))


def test_what_is_told_of_a_turn_names_it_first() -> None:
    of_nothing = {notices.SessionOpened, notices.CallerBegan, notices.CallerStopped, notices.Failed}
    assert {names(kind)[0] for kind in get_args(Notice) if kind not in of_nothing} == {"turn"}
