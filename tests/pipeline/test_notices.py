from typing import get_args

import pytest

from pipeline import notices
from pipeline.errors import Fault
from pipeline.history import Item
from pipeline.latency import Latency
from pipeline.notices import Notice
from pipeline.ports import Message
from tests.pipeline.crossing import crosses, names

NOTICES: list[Notice] = [
    notices.SessionOpened("1f", "secret", 16_000, 24_000, {"asr": "sphinx"}),
    notices.CallerBegan(1_000),
    notices.CallerStopped(2_000),
    notices.Heard(3, "hello", True, "en", None),
    notices.Said(3, "Good morning.", False),
    notices.AudioStarted(3),
    notices.AudioDone(3, 1_500),
    notices.Voiced(3, ((200, 1), (450, 2))),
    notices.Held(3, 700),
    notices.WentOn(3, 700),
    notices.Interrupted(3, 700, "Good"),
    notices.TurnReport(3, Latency(500, 80, 150, 60, 5, 795), True, "neither", ("llm",), ("asked another",)),
    notices.Failed("provider_timeout", "it did not answer in time", Fault.PROVIDER),
    notices.TurnTaken("item_1", 1_200),
    notices.NobodySpoke(6_000, 12_000, "item_2"),
    notices.BufferCleared(),
    notices.ItemTaken(Item("item_3", Message("user", "hello")), "item_2"),
    notices.ItemGone("item_3"),
    notices.ItemShown(Item("item_1", Message("user", "hello"), spoken=True)),
    notices.ItemShortened("item_4", 700),
    notices.ReplyBegan(3, "item_5", "ref_1"),
    notices.CallGrew(3, "item_6", "call_1", "book", '{"day": "Mon', final=False),
    notices.AsideSpoken(4, b"\1\0"),
    notices.ReplyEnded(3, "cancelled", "turn_detected"),
    notices.Refused("ref_2", "response_cancel_not_active", "no active response found"),
]


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_a_notice_is_frozen_and_crosses_actors(notice: Notice) -> None:
    crosses(notice)


def test_there_is_an_example_of_each() -> None:
    assert {type(notice) for notice in NOTICES} == set(get_args(Notice))


def test_what_is_told_of_a_turn_names_it_first() -> None:
    of_turns = [kind for kind in get_args(Notice) if "turn" in names(kind)]
    assert {names(kind)[0] for kind in of_turns} == {"turn"}
