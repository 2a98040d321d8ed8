from pathlib import Path

from pipeline.flow import load_flow

CLINIC = load_flow(Path(__file__).parents[2] / "configs" / "flows", "clinic")


def test_a_language_model_learns_what_the_flow_knows() -> None:
    prompt = CLINIC.system_prompt("en")
    parts = [
        "You answer the telephone for Riverside Clinic.",
        "You are the receptionist",
        "Answer in English.",
        "no markdown",
        "first names are fine",
        "- Cards and cash are taken.",
        "- What are your opening hours on Saturday? / What are your opening hours?: ask for the day (On which day?); "
        "if day is saturday: On Saturday we are open from nine until one.; if day is sunday: On Sunday we are closed.; "
        "otherwise: On [day] we are open from eight until six.",
        "One moment, I am putting you through to my colleague.; the call ends",
    ]
    assert [part for part in parts if part not in prompt] == []


def test_the_caller_is_answered_in_their_language_even_if_the_flow_has_none_of_it() -> None:
    spanish, german, italian = (CLINIC.system_prompt(language) for language in ("es", "de", "it"))
    assert "Answer in Spanish." in spanish
    assert "El sábado abrimos de nueve a una." in spanish
    assert "Answer in German." in german
    assert "On Saturday we are open from nine until one." in german
    assert "Answer in the language with the code it." in italian
