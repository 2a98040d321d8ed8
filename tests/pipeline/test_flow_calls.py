import json

import pytest

from pipeline.flow_calls import LONGEST, flow_call, with_result
from pipeline.flow_schema import Call


def said(sentence: str, output: str) -> str | None:
    return with_result(sentence, output, {"day": "Monday"}.__getitem__)


def test_arguments_are_json_with_the_names_of_values() -> None:
    call = Call(function="book", arguments={"when": "{day} {time}", "for": "{name}", "seats": 2, "vip": True}, answer={})
    made = flow_call("visit", call, {"day": "monday", "time": "noon", "name": 'José "Pepe"'})
    assert (made.intent, made.function, json.loads(made.arguments)) == (
        "visit",
        "book",
        {"when": "monday noon", "for": 'José "Pepe"', "seats": 2, "vip": True},
    )


def test_a_function_may_take_nothing() -> None:
    assert flow_call("visit", Call(function="now", answer={}), {}).arguments == "{}"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("at nine", "at nine"),
        (" at nine\n", "at nine"),
        ('"at nine"', "at nine"),
        ("9.50", "9.50"),
        ("9", "9"),
        ("0800 123", "0800 123"),
        ("{not json", "{not json"),
        ("1e999999999999999999999", "1e999999999999999999999"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_the_whole_result_is_spoken(output: str, words: str) -> None:
    assert said("So: {result}.", output) == f"So: {words}."


@pytest.mark.parametrize(
    "output",
    ["", "  ", '""', "null", "true", "[1]", '{"when": "nine"}', "x" * (LONGEST + 1), "[" * 100_000 + "]" * 100_000],
    ids=["empty", "blank", "empty text", "null", "true", "list", "object", "long", "deep"],
)
def test_a_result_that_cannot_be_spoken_is_of_no_use(output: str) -> None:
    assert said("So: {result}.", output) is None


@pytest.mark.parametrize(
    ("value", "words"), [('"nine"', "nine"), ("9", "9"), ("9.50", "9.50"), ("0", "0"), ('"half \\ud83d"', "half ?")]
)
def test_a_field_is_spoken(value: str, words: str) -> None:
    assert said("On {day} at {result.when}.", f'{{"when": {value}}}') == f"On Monday at {words}."


@pytest.mark.parametrize(
    "output", ['{"at": "nine"}', '{"when": {"hour": 9}}', '{"when": [9]}', '{"when": null}', '{"when": false}', '{"when": ""}']
)
def test_a_field_that_is_missing_or_nested_is_of_no_use(output: str) -> None:
    assert said("At {result.when}.", output) is None


def test_a_plain_text_has_no_fields() -> None:
    assert [said("At {result.when}.", output) for output in ("nine", '"when"', "9", "[1]")] == [None] * 4


@pytest.mark.parametrize(
    ("error", "words"),
    [('"fully booked"', None), ("true", None), ("1", None), ("null", "Booked."), ("false", "Booked."), ('""', "Booked.")],
)
def test_a_result_with_an_error_is_of_no_use_even_if_nothing_of_it_is_said(error: str, words: str | None) -> None:
    assert said("Booked.", f'{{"error": {error}}}') == words


def test_braces_in_a_result_stand_for_nothing() -> None:
    assert said("On {day}: {result}", "{day} and {result}") == "On Monday: {day} and {result}"
