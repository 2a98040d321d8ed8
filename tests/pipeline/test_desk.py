import pytest

from pipeline import events as on
from pipeline.commands import Tell
from pipeline.desk import Request, attend
from pipeline.history import History, Item
from pipeline.ledger import Ledger
from pipeline.notices import ItemGone, ItemShortened, ItemShown, ItemTaken, Refused
from pipeline.ports import Message
from tests.pipeline.talk import assistant, user

ASKED, REPLY = Item("item_1", user("are you open")), Item("item_2", assistant("one three"), spoken=True)
NEW = Item("item_3", Message("system", "be brief"))


@pytest.fixture
def history() -> History:
    """A question, and a reply that took 800 ms."""
    ledger = Ledger(1_000)
    ledger.begin_phrase("one three")
    ledger.add(800, ())
    ledger.end_phrase()
    made = History(10)
    made.tell(ASKED)
    made.tell(REPLY, ledger)
    return made


def test_what_is_given_is_taken_behind_the_item_it_names(history: History) -> None:
    assert attend(history, on.ItemGiven(NEW, "item_1", "ref")) == [Tell(ItemTaken(NEW, "item_1"))]
    assert history.entries() == (ASKED.entry, NEW.entry, REPLY.entry)


def test_what_is_given_as_audio_has_only_a_place_until_its_words_are_known(history: History) -> None:
    assert attend(history, on.ItemGiven(NEW, None, "ref", b"\1\0")) == [Tell(ItemTaken(NEW, "item_2"))]
    assert history.entries() == (ASKED.entry, REPLY.entry)


def test_what_is_unwanted_is_gone(history: History) -> None:
    assert attend(history, on.ItemUnwanted("item_1", "ref")) == [Tell(ItemGone("item_1"))]
    assert history.entries() == (REPLY.entry,)


def test_what_is_asked_for_is_shown(history: History) -> None:
    assert attend(history, on.ItemAsked("item_1", "ref")) == [Tell(ItemShown(ASKED))]


def test_a_reply_is_cut_to_what_was_heard(history: History) -> None:
    assert attend(history, on.ItemCut("item_2", 200, "ref")) == [Tell(ItemShortened("item_2", 200))]
    assert history.entries() == (ASKED.entry, assistant("one [interrupted]"))


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (on.ItemGiven(ASKED, None, "r1"), "item_create_duplicate_item_id", "item.id"),
        (on.ItemGiven(NEW, "item_9", "r2"), "item_create_invalid_item_id", "previous_item_id"),
        (on.ItemUnwanted("item_9", "r3"), "item_delete_invalid_item_id", "item_id"),
        (on.ItemAsked("item_9", "r4"), "item_retrieve_invalid_item_id", "item_id"),
        (on.ItemCut("item_1", 100, "r5"), "item_truncate_invalid_item_id", "item_id"),
        (on.ItemCut("item_2", 801, "r6"), "invalid_value", "audio_end_ms"),
    ],
)
def test_who_asks_in_vain_is_told_why_and_nothing_changes(history: History, request_: Request, code: str, param: str) -> None:
    (told,) = attend(history, request_)
    assert isinstance(told, Tell)
    assert isinstance(told.notice, Refused)
    assert (told.notice.ref, told.notice.code, told.notice.param) == (request_.ref, code, param)
    assert history.entries() == (ASKED.entry, REPLY.entry)
