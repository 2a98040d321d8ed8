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
