from dataclasses import replace

import pytest

from pipeline.commands import Abandon, Tell
from pipeline.floor import Floor
from pipeline.history import Item, Kept
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.memento import Memento, Told
from pipeline.notices import BufferCleared
from pipeline.states import State, Trigger
from pipeline.work import Work
from tests.pipeline.talk import user

MANNER = Manner("en")


def floor(manner: Manner = MANNER) -> Floor:
    return Floor(load_config(None, (), {}), manner, "ab_")


def test_it_goes_where_the_table_says() -> None:
    made = floor()
    made.go(Trigger.CALLER_BEGAN)
    assert made.state is State.HEARING
    with pytest.raises(AssertionError, match="REPLY_HEARD cannot happen in HEARING"):
        made.go(Trigger.REPLY_HEARD)


def test_a_new_memento_is_due_when_nobody_speaks_or_a_reply_is_to_be_thought_of() -> None:
    made, changed = floor(), list[bool]()
    for trigger in (
        Trigger.CALLER_BEGAN,
        Trigger.CALLER_STOPPED,
        Trigger.WORDS_KNOWN,
        Trigger.REPLY_BEGAN,
        Trigger.REPLY_HEARD,
    ):
        made.changed = False
        made.go(trigger)
        changed.append(made.changed)
    assert changed == [False, False, True, False, True]


def test_turns_and_work_are_numbered_each_for_themselves() -> None:
    made = floor()
    assert (made.new_turn(), made.new_turn(), made.turn) == (1, 2, 2)
    assert (made.new_work(2), made.new_work(1), made.attempts) == (Work(2, 1), Work(1, 2), 2)


def test_what_is_to_be_done_gathers_in_order() -> None:
    made = floor()
    made.tell(BufferCleared())
    made.abandon([Work(1, 1), Work(1, 2)])
    assert made.out == [Tell(BufferCleared()), Abandon(Work(1, 1)), Abandon(Work(1, 2))]


def test_items_are_named_for_clients_that_keep_them() -> None:
    assert floor().shown("item_1") == ""
    assert floor(replace(MANNER, keeps_items=True)).shown("item_1") == "item_1"
    assert floor().history.new_name() == "item_ab_0001"


def test_another_floor_goes_on_where_one_was_left() -> None:
    made = floor()
    made.now = 100.0
    kept = (Kept(Item("item_ab_0004", user("hello")), known=True),)
    made.restore(
        Memento(MANNER, 30.0, 3, 7, 4, kept, {}, (), 0, "", 1, True, None), Told(again=(16_000, 48_000)), State.THINKING
    )
    # 30 s old at the memento, and two seconds of audio since.
    assert (made.state, made.opened_at) == (State.THINKING, 68.0)
    assert (made.new_turn(), made.new_work(4), made.history.new_name()) == (4, Work(4, 8), "item_ab_0005")
    assert (made.history.entries(), made.quiet.asked, made.quiet.leaving) == ((user("hello"),), 1, True)
