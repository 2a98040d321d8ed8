import os
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.flow import Flow, flow_names, load_flow

FLOWS = Path(__file__).parents[2] / "configs" / "flows"
SMALL = """
name: Kiosk
description: A kiosk.
languages: [en]
lines: {en: {goodbye: Bye., reprompt: Sorry., fallback: I did not understand., what_else: All right.}}
intents:
  bread: {examples: {en: ['Do you have bread?']}, answer: {en: 'Yes, we do.'}}
"""


@pytest.fixture(scope="module")
def clinic() -> Flow:
    return load_flow(FLOWS, "clinic")


def test_every_flow_of_the_folder_loads() -> None:
    names = flow_names(FLOWS)
    assert "clinic" in names
    assert all(load_flow(FLOWS, name).languages for name in names)


def test_clinic_answers_the_two_questions_that_everything_else_relies_on(clinic: Flow) -> None:
    english = clinic.step("What are your opening hours on Saturday?", "en", {}, 0.5)
    spanish = clinic.step("¿Cuál es el horario el sábado?", "es", {}, 0.5)
    assert (english.text, spanish.text) == (
        "On Saturday we are open from nine until one.",
        "El sábado abrimos de nueve a una.",
    )


def test_it_says_what_one_can_ask_it(clinic: Flow) -> None:
    assert clinic.openings("en")[:2] == ("What are your opening hours on Saturday?", "I would like to make an appointment")
    assert clinic.openings("fr") == clinic.openings("en") != clinic.openings("es")
    assert not [text for text in clinic.openings("es") if "{" in text]


def test_a_language_the_flow_lacks_is_answered_in_its_first(clinic: Flow) -> None:
    assert clinic.languages == ("en", "es")
    assert clinic.greeting("fr") == clinic.greeting("en") != clinic.greeting("es")
    assert clinic.expected("fr", {}) == clinic.expected("en", {})
    assert clinic.step("goodbye", "fr", {}, 0.5) == clinic.step("goodbye", "en", {}, 0.5)


@pytest.mark.parametrize("name", ["nothing", "../clinic", "clinic.yaml", "", "a/b", "/etc/passwd", "x" * 999])
def test_an_unknown_flow_names_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_flow(FLOWS, name)
    assert caught.value.code == "flow_unknown"
    assert "clinic" in caught.value.message.partition("known: ")[2]


def test_a_flow_is_made_ready_once_and_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.yaml"
    path.write_text(SMALL, encoding="utf-8")
    first = load_flow(tmp_path, "kiosk")
    assert load_flow(tmp_path, "kiosk") is first
    path.write_text(SMALL.replace("Yes, we do.", "No."), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert load_flow(tmp_path, "kiosk").step("bread", "en", {}, 0.5).text == "No."
