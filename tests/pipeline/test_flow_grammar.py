import re
from pathlib import Path

import pytest

from pipeline.flow import load_flow
from pipeline.flow_grammar import MOST, Grammar
from pipeline.flow_schema import FlowFile, Intent, Lines, Slot

CLINIC = load_flow(Path(__file__).parents[2] / "configs" / "flows", "clinic")
PLACES = [
    {},
    {"intent": "book_appointment", "slots": {}, "asks": "slot"},
    {"intent": "book_appointment", "slots": {"day": "monday", "time": "noon"}, "asks": "slot"},
    {"intent": "book_appointment", "slots": {"day": "monday", "time": "noon", "name": "Ada"}, "asks": "confirmation"},
    {"intent": None, "slots": {}, "asks": "offer"},
    {"intent": "opening_hours", "slots": {"day": "monday"}, "asks": "nothing"},
]


def grammar(days: int, example: str) -> Grammar:
    values = {f"day_{number}": {"en": (f"day {number}",)} for number in range(days)}
    return Grammar(
        FlowFile(
            name="Shop",
            description="A shop.",
            languages=("en",),
            lines={"en": Lines(goodbye="Bye.", reprompt="Pardon?", fallback="Sorry.", what_else="Yes?")},
            slots={"day": Slot(question={"en": "When?"}, values=values, carriers={"en": ("On {day}",)})},
            intents={"visit": Intent(examples={"en": (example, "I come")}, slots=("day",), answer={"en": "Good."})},
        ),
        "en",
    )


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("state", PLACES)
def test_lists_are_short_plain_and_without_repeats(language: str, state: dict[str, object]) -> None:
    sentences = CLINIC.expected(language, state)
    assert 20 < len(sentences) <= MOST
    assert len(set(sentences)) == len(sentences)
    assert [sentence for sentence in sentences if not re.fullmatch(r"[a-zà-ÿ']+( [a-zà-ÿ']+)*", sentence)] == []


def test_each_place_has_its_own_answers() -> None:
    wanted = [
        ["what are your opening hours on saturday", "how much does a visit cost", "goodbye", "yes"],
        ["tuesday", "on tuesday", "never mind", "what are your prices"],
        ["john smith", "my name is john smith", "goodbye"],
        ["yes", "no that's wrong", "on tuesday"],
        ["yes", "no", "what is your address"],
        ["and on sunday", "what are your opening hours on sunday"],
    ]
    assert [set(answers) - set(CLINIC.expected("en", state)) for answers, state in zip(wanted, PLACES, strict=True)] == [
        set()
    ] * 6


def test_an_example_comes_with_all_values_or_not_at_all() -> None:
    assert {f"i come on day {number}" for number in range(40)} <= set(grammar(40, "I come on {day}").idle(None))
    many = grammar(100, "I come on {day}")
    assert not any(sentence.startswith("i come on") for sentence in many.idle("visit"))
    assert "i come" in many.idle(None)
    assert "day 99" in many.slot("day")


def test_lists_are_made_once() -> None:
    assert CLINIC.expected("en", {}) is CLINIC.expected("en", {})
