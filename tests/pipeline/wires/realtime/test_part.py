from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator

from pipeline.errors import ClientError
from pipeline.wires.realtime.part import Part, checked


class Word(Part):
    type: Literal["input_text"]
    text: str = Field(max_length=3)


class Sound(Part):
    type: Literal["input_audio"]
    loud: bool


class Sentence(Part):
    parts: list[Annotated[Word | Sound, Field(discriminator="type")]]
    kind: Literal["question", "answer"] = "answer"
    pauses: int = 0
    names: dict[str, str] = {}

    @field_validator("pauses")
    @classmethod
    def _even(cls, pauses: int) -> int:
        if pauses % 2:
            raise ValueError("it must be even")
        return pauses


def refusal(value: object, root: str = "") -> tuple[str, str | None, str]:
    with pytest.raises(ClientError) as caught:
        checked(Sentence.model_validate, value, root)
    return caught.value.code, caught.value.param, caught.value.message


def test_what_is_right_is_given() -> None:
    expected = Sentence(parts=[Word(type="input_text", text="hi")])
    assert checked(Sentence.model_validate, {"parts": [{"type": "input_text", "text": "hi"}]}) == expected


@pytest.mark.parametrize(
    ("value", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "a.parts", "Missing required parameter: 'a.parts'."),
        ({"parts": [], "x": 1}, "unknown_parameter", "a.x", "Unknown parameter: 'a.x'."),
        ({"parts": [], "kind": "shout"}, "invalid_value", "a.kind",
         "Invalid value: 'shout'. Supported values are: 'question', 'answer'."),
        ({"parts": [], "kind": 5}, "invalid_value", "a.kind",
         "Invalid value for 'a.kind'. Supported values are: 'question', 'answer'."),
        ({"parts": None}, "invalid_type", "a.parts", "Invalid type for 'a.parts': expected an array."),
        ({"parts": [], "pauses": "2"}, "invalid_type", "a.pauses", "Invalid type for 'a.pauses': expected an integer."),
        ({"parts": [], "pauses": True}, "invalid_type", "a.pauses", "Invalid type for 'a.pauses': expected an integer."),
        ({"parts": [], "pauses": 3}, "invalid_value", "a.pauses", "Invalid value for 'a.pauses': it must be even."),
        ({"parts": [], "names": []}, "invalid_type", "a.names", "Invalid type for 'a.names': expected an object."),
        ({"parts": ["hi"]}, "invalid_type", "a.parts[0]", "Invalid type for 'a.parts[0]': expected an object."),
        ({"parts": [{}]}, "missing_required_parameter", "a.parts[0].type", "Missing required parameter: 'a.parts[0].type'."),
        ({"parts": [{"type": "x"}]}, "invalid_value", "a.parts[0].type",
         "Invalid value: 'x'. Supported values are: 'input_text', 'input_audio'."),
        ({"parts": [{"type": "input_text", "text": None}]}, "invalid_type", "a.parts[0].text",
         "Invalid type for 'a.parts[0].text': expected a string."),
        ({"parts": [{"type": "input_text", "text": "long"}]}, "invalid_value", "a.parts[0].text",
         "Invalid value for 'a.parts[0].text': String should have at most 3 characters."),
        ({"parts": [{"type": "input_audio", "loud": 1}]}, "invalid_type", "a.parts[0].loud",
         "Invalid type for 'a.parts[0].loud': expected a boolean."),
        ({"parts": [{"type": "input_audio", "loud": True, "input_audio": 1}]}, "unknown_parameter",
         "a.parts[0].input_audio", "Unknown parameter: 'a.parts[0].input_audio'."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(value: Any, code: str, param: str, message: str) -> None:
    assert refusal(value, "a") == (code, param, message)


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(refusal({"parts": [], "kind": "x" * 1_000})[2]) < 150


def test_without_a_root_a_path_begins_with_the_field() -> None:
    assert refusal({"parts": [{}]})[1] == "parts[0].type"
