import pytest

from pipeline.flow_schema import Slot
from pipeline.flow_slots import Mention, SlotReader
from pipeline.flow_words import folded, small_words, tokens

TIME = Slot(
    question={},
    values={
        "nine": {"en": ("nine", "nine o'clock", "9 a.m.")},
        "half_past_nine": {"en": ("half past nine", "9:30")},
    },
)
SEATS = Slot(question={}, values={"nine": {"en": ("nine",)}, "two": {"en": ("two",)}})
NAME = Slot(
    question={},
    pattern={"en": "[a-z]+( [a-z]+){0,2}"},
    likely={"en": ("John Smith",)},
    carriers={"en": ("My name is {name}", "{name} speaking", "{name}")},
)
CODE = Slot(question={}, pattern={"en": r"[0-9]{4}"}, carriers={"en": ("My code is {code}",)})


def reader(**slots: Slot) -> SlotReader:
    return SlotReader(slots, "en", small_words("en"))


def name(text: str, asked: bool = True) -> str | None:
    mention = reader(name=NAME).free_words("name", tokens(text), text, asked)
    return mention.value if mention else None


def test_the_longest_wording_is_found() -> None:
    mentions = reader(time=TIME).mentions(folded("At nine o'clock, or half past nine, or at 9:30"))
    assert mentions == (
        Mention("time", "nine", 1, 4),
        Mention("time", "half_past_nine", 5, 8),
        Mention("time", "half_past_nine", 10, 12),
    )


def test_a_wording_of_two_slots_is_found_for_both() -> None:
    assert {mention.slot for mention in reader(time=TIME, seats=SEATS).mentions(("nine",))} == {"time", "seats"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("um, it's Conor O'Brien, please", "Conor O'Brien"),
        ("My name is José Núñez", "José Núñez"),
        ("my name is ada and I would like a table", "ada"),
        ("My name is Ada Lovelace, I'd like a table", "Ada Lovelace"),
        ("john smith", "John Smith"),
        ("Hello, Ada speaking", "Ada"),
        ("no", None),
        ("yes please", None),
        ("I don't know", None),
        ("what is it", None),
        ("I would rather hear your prices first of all", None),
        ("", None),
    ],
)
def test_names(text: str, value: str | None) -> None:
    assert name(text) == value


def test_what_was_not_asked_for_needs_its_carrier() -> None:
    assert [name(text, asked=False) for text in ("Ada Lovelace", "my name is Ada Lovelace")] == [None, "Ada Lovelace"]


def test_numbers() -> None:
    codes = reader(code=CODE)
    found = [codes.free_words("code", tokens(text), text, True) for text in ("1234", "my code is 1234, thanks", "12")]
    assert [mention and mention.value for mention in found] == ["1234", "1234", None]
