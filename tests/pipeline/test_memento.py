import pickle
from typing import Any

import pytest

from pipeline.history import Item, Kept
from pipeline.ledger import Ledger
from pipeline.manner import Manner
from pipeline.memento import NOTHING_TOLD, Memento, ReplyDue, Told
from pipeline.ports import Finish, FlowStep, Prompt, Usage, Wish
from tests.pipeline.crossing import crosses
from tests.pipeline.talk import assistant, user

PROMPT = Prompt((user("hello"),), "en", "clinic", {"asks": "nothing"})
STEP = FlowStep({"asks": "nothing"}, ends_call=True)
DUE = ReplyDue(
    3, "item_5", Wish(voice="amy"), PROMPT, "item_4", "Yes. No.", ("Yes.", "No."), True, STEP, Finish(Usage(9, 3)), 800, True
)
TOLD = Told((16_000, 48_000), 3, ("Yes.", "Yes. No."), True, 700, 800, 200, "Yes.", (4, 5))


def memento(ledger: Ledger | None = None, reply: ReplyDue | None = DUE) -> Memento:
    kept = (Kept(Item("item_4", user("hello")), True), Kept(Item("item_5", assistant("one three"), spoken=True), True, ledger))
    return Memento(Manner("en"), 30.0, 3, 7, 5, kept, {"asks": "nothing"}, (300, 420), 48_000, "12", 1, True, reply)


@pytest.mark.parametrize(
    "value", [DUE, TOLD, NOTHING_TOLD, memento(), memento(reply=None)], ids=lambda value: type(value).__name__
)
def test_it_is_frozen_and_crosses_actors(value: Any) -> None:
    crosses(value)


def test_where_the_words_of_a_reply_lie_crosses_with_it() -> None:
    ledger = Ledger(1_000)
    ledger.begin_phrase("one three")
    ledger.add(800, ())
    ledger.end_phrase()
    there = pickle.loads(pickle.dumps(memento(ledger))).items[1].ledger
    assert (there.rate, there.samples, there.text(200), there.text(800)) == (1_000, 800, "one", "one three")


def test_nothing_told_says_nothing_of_any_reply() -> None:
    assert (NOTHING_TOLD.turn, NOTHING_TOLD.texts, NOTHING_TOLD.heard, NOTHING_TOLD.held_ms) == (None, (), None, None)
    assert (NOTHING_TOLD.again, NOTHING_TOLD.sent, NOTHING_TOLD.final, NOTHING_TOLD.broken) == ((0, 0), 0, False, ())
