from pathlib import Path

import pytest

from pipeline.flow import load_flow
from pipeline.flow_matching import SURE, Matcher
from pipeline.flow_schema import Slot
from pipeline.flow_slots import SlotReader
from pipeline.flow_words import small_words

FLOWS = Path(__file__).parents[2] / "configs" / "flows"
ENGLISH = small_words("en")


def matcher(sentences: dict[str, list[str]], *days: str) -> Matcher:
    """Its intents take a day if there are days, all but those that are named after one."""
    slots = {"day": Slot(question={}, values={day.lower(): {"en": (day,)} for day in days})} if days else {}
    fills = {intent: list(slots) for intent in sentences if intent not in ("saturday", "sunday")}
    return Matcher(sentences, {"?bye": ["Goodbye"]}, fills, SlotReader(slots, "en", ENGLISH), ENGLISH)


def meant(matcher: Matcher, text: str, accept: float = 0.5) -> str | None:
    intent, score = matcher.best(matcher.hear(text))
    return intent if score >= accept else None


def test_one_word_tells_two_intents_apart() -> None:
    hours = "What are your opening hours on "
    days = matcher({"saturday": [hours + "Saturday?"], "sunday": [hours + "Sunday?"]})
    assert [meant(days, hours + day) for day in ("saturday", "sunday")] == ["saturday", "sunday"]
    with_slot = matcher({"any_day": [hours + "{day}?"], "saturday": [hours + "Saturday?"]}, "Saturday", "Sunday")
    assert [meant(with_slot, hours + day) for day in ("saturday", "sunday")] == ["saturday", "any_day"]


def test_an_example_that_names_a_value_stands_for_the_others() -> None:
    hours = matcher({"hours": ["Are you open on Monday?"], "prices": ["How much is it?"]}, "Monday", "Sunday")
    assert hours.best(hours.hear("are you open on sunday")) == ("hours", 1.0)


def test_order_and_light_words_hardly_count() -> None:
    shop = matcher({"hours": ["What are your opening hours?"], "address": ["Where is your office?"]})
    assert meant(shop, "hello um your opening hours please what are they") == "hours"
    assert meant(shop, "your office, where is it") == "address"


@pytest.mark.parametrize("text", ["wat are yuor openning hours", "what are your opning ours", "WHAT ARE YOUR OPENING HOUR"])
def test_small_mistakes_are_mended(text: str) -> None:
    assert meant(matcher({"hours": ["What are your opening hours?"], "address": ["Where is your office?"]}), text) == "hours"


def test_a_known_word_is_never_taken_for_another() -> None:
    days = matcher({"tuesday": ["Come on Tuesday"], "thursday": ["Come on Thursday"]})
    assert [days.hear(text).words[-1] for text in ("on tuesday", "on thursday", "on tusday", "on thurday")] == [
        "tuesday",
        "thursday",
        "tuesday",
        "thursday",
    ]


def test_who_denies_it_does_not_mean_it() -> None:
    visit = matcher({"book": ["I want an appointment"], "miss": ["I will not come"]})
    certain = visit.best(visit.hear("I want an appointment"))[1]
    denied = visit.best(visit.hear("I do not want an appointment"))[1]
    assert (certain, denied < 0.6) == (1.0, True)


def test_commands_must_be_said_surely() -> None:
    shop = matcher({"hours": ["When do you open?"]})
    assert shop.best(shop.hear("goodbye"))[0] == "?bye"
    assert shop.best(shop.hear("goodbye parking meters"))[1] < SURE
    assert shop.best(shop.hear("goodbye parking meters"))[0] is None


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_example_of_the_clinic_is_understood(language: str) -> None:
    flow = load_flow(FLOWS, "clinic")
    wrong = [text for text in flow.expected(language, {}) if flow.step(text, language, {}, 0.5).text == misheard(language)]
    assert wrong == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "what is the weather on saturday"),
        ("en", "well you go out on saturday"),
        ("en", "what are you doing on saturday"),
        ("en", "tell me a joke"),
        ("en", "who won the football game"),
        ("en", "can I book a table for two on friday"),
        ("es", "qué tiempo hace el sábado"),
        ("es", "cuéntame un chiste"),
        ("es", "quién ganó el partido"),
    ],
)
def test_what_does_not_belong_to_the_flow_is_not_understood(language: str, text: str) -> None:
    assert load_flow(FLOWS, "clinic").step(text, language, {}, 0.5).text == misheard(language)


def misheard(language: str) -> str:
    return {"en": "Sorry, I did not catch that.", "es": "Perdone, no le he oído bien."}[language]
