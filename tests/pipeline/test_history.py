from collections.abc import Callable

import pytest

from pipeline.errors import ClientError
from pipeline.history import History, Item
from pipeline.ledger import Ledger
from pipeline.ports import Message, ToolCall, ToolResult
from tests.pipeline.talk import assistant, user

CALL = ToolCall("call_1", "opening_hours", "{}")


def heard(name: str, text: str) -> Item:
    return Item(name, Message("user", text))


def said(name: str, text: str, *, complete: bool = True) -> Item:
    return Item(name, Message("assistant", text), spoken=True, complete=complete)


def spoken(*phrases: str, rate: int = 1_000) -> Ledger:
    """Each phrase takes a second."""
    ledger = Ledger(rate)
    for phrase in phrases:
        ledger.begin_phrase(phrase)
        ledger.add(rate, ())
        ledger.end_phrase()
    return ledger


def holding(*items: Item, limit: int = 10) -> History:
    history = History(limit)
    for item in items:
        history.tell(item)
    return history


def refusal(ask: Callable[[], object]) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        ask()
    return caught.value.code, caught.value.param


def test_both_sides_are_remembered_in_order() -> None:
    history = holding(heard("a", "Are you open?"), said("b", "Yes."), heard("c", "Until when?"))
    assert history.entries() == (user("Are you open?"), assistant("Yes."), user("Until when?"))


def test_names_differ() -> None:
    history = History(10, "ab")
    assert (history.new_name(), history.new_name()) == ("item_ab0001", "item_ab0002")


def test_nobody_is_told_of_a_place_that_was_only_kept() -> None:
    history = holding(heard("a", "Are you open?"))
    history.open(said("b", ""))
    history.tell(heard("c", "On Sunday?"))
    assert history.entries() == (user("Are you open?"), user("On Sunday?"))
    history.tell(said("b", "Yes."))
    assert history.entries() == (user("Are you open?"), assistant("Yes."), user("On Sunday?"))


def test_what_has_no_words_is_in_no_prompt_but_can_be_seen() -> None:
    history = holding(heard("a", ""))
    assert (history.entries(), history.show("a")) == ((), heard("a", ""))


def test_the_callers_words_can_be_taken_back() -> None:
    history = holding(heard("a", "Are you"))
    assert (history.forget("a"), history.entries(), history.forget("a")) == ("Are you", (), "")


def test_the_oldest_is_forgotten() -> None:
    history = holding(*(heard(str(number), str(number)) for number in range(5)), limit=3)
    assert history.entries() == (user("2"), user("3"), user("4"))
    history.give(heard("5", "5"), "3")
    assert history.entries() == (user("3"), user("5"), user("4"))


def test_what_was_cut_off_says_so() -> None:
    assert holding(said("a", "We are", complete=False)).entries() == (assistant("We are [interrupted]"),)


def test_an_item_is_put_where_the_client_wants_it() -> None:
    history = holding(heard("a", "one"), heard("b", "two"))
    after = [history.give(Item("c", CALL), None), history.give(Item("d", ToolResult("call_1", "9 to 5")), "a")]
    after.append(history.give(Item("e", Message("system", "Be brief.")), ""))
    assert after == ["b", "a", ""]
    assert history.entries() == (
        Message("system", "Be brief."),
        user("one"),
        ToolResult("call_1", "9 to 5"),
        user("two"),
        CALL,
    )


def test_some_items_can_be_picked() -> None:
    history = holding(heard("a", "one"), heard("b", "two"), heard("c", "three"))
    assert history.resolve(["c", user("new"), "a"]) == (user("three"), user("new"), user("one"))


def test_what_there_is_not_cannot_be_named() -> None:
    history = holding(heard("a", "one"))
    assert refusal(lambda: history.give(heard("a", "two"), None)) == ("item_create_duplicate_item_id", "item.id")
    assert refusal(lambda: history.give(heard("b", "two"), "x")) == ("item_create_invalid_item_id", "previous_item_id")
    assert refusal(lambda: history.show("x")) == ("item_retrieve_invalid_item_id", "item_id")
    assert refusal(lambda: history.delete("x")) == ("item_delete_invalid_item_id", "item_id")
    assert refusal(lambda: history.shorten("x", 10)) == ("item_truncate_invalid_item_id", "item_id")
    assert refusal(lambda: history.shorten("a", 10)) == ("item_truncate_invalid_item_id", "item_id")
    assert history.entries() == (user("one"),)


def test_a_deleted_item_is_gone() -> None:
    history = holding(heard("a", "one"), heard("b", "two"))
    history.delete("a")
    assert history.entries() == (user("two"),)


def test_a_reply_is_shortened_to_what_was_heard_and_can_be_lengthened_again() -> None:
    history = History(10)
    history.tell(said("a", "Good morning. We are open."), spoken("Good morning.", "We are open."))
    history.shorten("a", 1_000)
    assert history.show("a") == Item("a", assistant("Good morning."), spoken=True, complete=False, heard_ms=1_000)
    assert history.entries() == (assistant("Good morning. [interrupted]"),)
    history.shorten("a", 1_300)
    assert history.entries() == (assistant("Good morning. We [interrupted]"),)


def test_more_than_there_is_cannot_have_been_heard() -> None:
    history = History(10)
    history.tell(said("a", "Good morning."), spoken("Good morning."))
    assert refusal(lambda: history.shorten("a", 1_001)) == ("invalid_value", "audio_end_ms")
