import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.flow_place import Asks, Awaited, Place, missing_slots, read_awaited, read_place
from pipeline.flow_schema import FlowFile

CLINIC = FlowFile.model_validate(
    yaml.safe_load((Path(__file__).parents[2] / "configs" / "flows" / "clinic.yaml").read_text(encoding="utf-8"))
)
BOOKED = {"day": "monday", "time": "noon", "name": "Ada"}


@pytest.mark.parametrize(
    "place",
    [
        Place(),
        Place("prices", misses=1),
        Place("book_appointment", {"day": "monday"}, Asks.SLOT),
        Place("book_appointment", BOOKED, Asks.CONFIRMATION),
        Place("book_appointment", BOOKED, said="You are booked."),
        Place(asks=Asks.OFFER, misses=2),
    ],
)
def test_a_place_is_kept_as_json(place: Place) -> None:
    assert read_place(json.loads(json.dumps(place.state())), CLINIC) == place


def test_what_the_flow_does_not_know_is_dropped() -> None:
    assert read_place({"intent": "parking", "asks": "slot", "said": "There is none."}, CLINIC) == Place()
    strange = {"intent": "prices", "slots": {"day": "monday"}, "asks": "nothing", "misses": "many", "said": 7}
    assert read_place(strange, CLINIC) == Place("prices")


def test_an_awaited_call_is_kept_beside_the_place() -> None:
    place, awaited = Place("prices"), Awaited("call_1", "book_appointment", BOOKED)
    state = json.loads(json.dumps(place.state() | awaited.state()))
    assert (read_place(state, CLINIC), read_awaited(state, CLINIC)) == (place, awaited)


@pytest.mark.parametrize(
    "awaits",
    [
        None,
        "call_1",
        {},
        {"call_id": 1, "intent": "opening_hours", "slots": {"day": "monday"}},
        {"call_id": "call_1", "intent": ["opening_hours"], "slots": {"day": "monday"}},
        {"call_id": "call_1", "intent": "gone", "slots": {}},
        {"call_id": "call_1", "intent": "prices", "slots": {}},
        {"call_id": "call_1", "intent": "opening_hours", "slots": {"day": "someday"}},
        {"call_id": "call_1", "intent": "opening_hours", "slots": None},
    ],
)
def test_a_call_that_the_flow_would_not_make_is_not_awaited(awaits: Any) -> None:
    assert read_awaited({"awaits": awaits}, CLINIC) is None


def test_missing_slots_come_in_the_order_in_which_they_are_asked_for() -> None:
    assert missing_slots(CLINIC.intents["book_appointment"], {"time": "noon"}) == ["day", "name"]
    assert missing_slots(None, {}) == []
