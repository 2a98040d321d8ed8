from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.flow import load_flow
from pipeline.flow_schema import FlowFile

SMALL = """
name: Kiosk
description: A kiosk.
languages: [en]
lines: {en: {goodbye: Bye., reprompt: Sorry., fallback: I did not understand., what_else: All right.}}
intents:
  bread: {examples: {en: ['Do you have bread?']}, answer: {en: 'Yes, we do.'}}
"""


def problem(flows: Path, text: str) -> str:
    (flows / "kiosk.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_flow(flows, "kiosk")
    assert caught.value.code == "flow_invalid"
    return caught.value.message.removeprefix(f"{flows / 'kiosk.yaml'}: ")


def test_faults_in_a_file_name_the_field(tmp_path: Path) -> None:
    kiosk = "intents.bread"
    faults = {
        SMALL + "tone: warm": "tone: there is no such field",
        SMALL.replace("[en]", "[en, es]"): "lines: lacks es",
        SMALL.replace("bread?", "{thing}?"): f"{kiosk}.examples.en: {{thing}} is not a slot here",
        SMALL.replace("answer: {en", "answer: {de"): f"{kiosk}.answer: lacks en",
        SMALL.replace(", answer:", ", slots: [size], answer:"): f"{kiosk}.slots: there is no slot size",
        SMALL + "slots: {size: {question: {en: 'Which size?'}}}": "slots.size: needs either values or a pattern",
    }
    assert {text: problem(tmp_path, text) for text in faults} == faults


def test_faults_in_a_call_name_the_field(tmp_path: Path) -> None:
    sizes = "slots: {size: {question: {en: 'Which?'}, values: {big: {en: [Big]}}}}"
    call = "function: look_up, arguments: {size: '{size}', shop: 7}, answer: {en: 'We have {result.count}.'}"
    good = f"{SMALL}{sizes}".replace("Yes, we do.'}", f"Yes.'}}, slots: [size], call: {{{call}}}")
    (tmp_path / "good.yaml").write_text(good, encoding="utf-8")
    assert load_flow(tmp_path, "good").languages == ("en",)
    field = "intents.bread.call"
    neither = "is neither a slot here nor {result} or {result.field}"
    confirmed = good.replace("call: {", "confirm: {en: 'Sure?'}, call: {for_cases: true, ")
    faults = {
        good.replace("'{size}', shop", "'{thing}', shop"): f"{field}.arguments.size: {{thing}} is not a slot here",
        good.replace("'{size}', shop", "'{result.id}', shop"): f"{field}.arguments.size: {{result.id}} is not a slot here",
        good.replace("{result.count}", "{thing}"): f"{field}.answer: {{thing}} {neither}",
        good.replace("{result.count}", "{result.a.b}"): f"{field}.answer: {{result.a.b}} {neither}",
        good.replace("{result.count}", "{}"): f"{field}.answer: {{}} {neither}",
        good.replace("{en: 'We", "{de: 'We"): f"{field}.answer: lacks en",
        good.replace("call: {", "call: {failed: {es: Ay}, "): f"{field}.failed: lacks en",
        good.replace("call: {", "call: {failed: {en: 'No {result}'}, "): f"{field}.failed: {{result}} is not a slot here",
        confirmed: f"{field}.for_cases: cannot be with a confirm: a case is answered before anything is confirmed",
        good.replace("size", "result"): f"{field}: a slot that is named result cannot be told from the function's result",
        good.replace("function:", "tool:"): f"{field}.function: Field required",
        good.replace("look_up", "look up"): f"{field}.function: String should match pattern '^[A-Za-z0-9_-]{{1,64}}$'",
    }
    assert {text: problem(tmp_path, text) for text in faults} == faults


@pytest.mark.parametrize(
    ("text", "problem"), [("name: [", "is not YAML"), ("- a", "must hold fields"), ("", "must hold fields")]
)
def test_a_file_without_fields_says_so(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "kiosk.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        load_flow(tmp_path, "kiosk")


def test_every_field_of_the_schema_is_described() -> None:
    schema = FlowFile.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    bare = [
        (model["title"], name) for model in models for name, field in model["properties"].items() if "description" not in field
    ]
    assert bare == []
