"""Where a conversation stands in its flow, and how that is kept from one turn to the next: as JSON values only.

A state comes back from wherever it was kept, perhaps to a flow whose file has changed, or to one that never wrote it. What
makes no sense to this flow is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from pipeline.flow_schema import FlowFile, Intent


class Asks(StrEnum):
    NOTHING = "nothing"
    SLOT = "slot"
    CONFIRMATION = "confirmation"
    OFFER = "offer"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation stands in its flow."""

    intent: str | None = None
    """The intent under way, or the last one answered when nothing is asked."""
    slots: dict[str, str] = field(default_factory=lambda: {})
    asks: Asks = Asks.NOTHING
    misses: int = 0
    said: str = ""
    """What is said when the last answer is wanted again, if that did not come from the file alone."""

    def state(self) -> dict[str, Any]:
        state = {"intent": self.intent, "slots": self.slots, "asks": self.asks.value, "misses": self.misses}
        return state | {"said": self.said} if self.said else state


@dataclass(frozen=True, slots=True)
class Awaited:
    """A function was called, and its result is not there yet."""

    call_id: str
    intent: str
    """The intent that is answered with the result; the question that was asked before it may belong to another."""
    slots: dict[str, str]

    def state(self) -> dict[str, Any]:
        return {"awaits": {"call_id": self.call_id, "intent": self.intent, "slots": self.slots}}


def read_place(state: Mapping[str, Any], file: FlowFile) -> Place:
    """A state that this flow did not write, or no longer knows, counts as the beginning."""
    name, misses, said = state.get("intent"), state.get("misses"), state.get("said")
    intent = file.intents.get(name) if isinstance(name, str) else None
    if state.get("asks") not in list(Asks):
        return Place()
    kept = _known_slots(state.get("slots"), intent, file)
    place = Place(
        name if intent else None,
        kept,
        Asks(state["asks"]),
        misses if isinstance(misses, int) else 0,
        said if intent and isinstance(said, str) else "",
    )
    asks_nothing_missing = place.asks is Asks.SLOT and not missing_slots(intent, kept)
    if place.asks in (Asks.SLOT, Asks.CONFIRMATION) and (not intent or asks_nothing_missing):
        return replace(place, asks=Asks.NOTHING)
    return place


def read_awaited(state: Mapping[str, Any], file: FlowFile) -> Awaited | None:
    """The call whose result is missing; None as well for one that the flow no longer makes."""
    awaits: object = state.get("awaits")
    if not isinstance(awaits, dict):
        return None
    noted = cast(dict[str, object], awaits)
    call_id, name = noted.get("call_id"), noted.get("intent")
    intent = file.intents.get(name) if isinstance(name, str) else None
    if not isinstance(call_id, str) or not isinstance(name, str) or intent is None or intent.call is None:
        return None
    slots = _known_slots(noted.get("slots"), intent, file)
    return None if missing_slots(intent, slots) else Awaited(call_id, name, slots)


def missing_slots(intent: Intent | None, slots: Mapping[str, str]) -> list[str]:
    return [slot for slot in intent.slots if slot not in slots] if intent else []


def _known_slots(slots: object, intent: Intent | None, file: FlowFile) -> dict[str, str]:
    kept: dict[str, str] = {}
    if intent and isinstance(slots, dict):
        for slot, value in cast(dict[object, object], slots).items():
            if isinstance(slot, str) and slot in intent.slots and isinstance(value, str):
                known = file.slots[slot].values
                kept |= {slot: value} if not known or value in known else {}
    return kept
