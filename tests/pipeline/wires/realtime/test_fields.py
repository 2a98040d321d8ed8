from typing import Any

import pytest

from pipeline.errors import ClientError
from pipeline.wires.realtime.fields import (
    AudioOut,
    ConversationFields,
    NoiseReduction,
    SemanticVad,
    ServerVad,
    Transcription,
    TranscriptionFields,
)
from pipeline.wires.realtime.part import checked

LEAST: dict[str, Any] = {"type": "realtime", "model": "parley"}


def fields(**more: Any) -> ConversationFields:
    return checked(ConversationFields.model_validate, LEAST | more, "session")


def refusal(**more: Any) -> tuple[str, str | None]:
    with pytest.raises(ClientError) as caught:
        fields(**more)
    return caught.value.code, caught.value.param


def test_a_session_has_defaults_for_all_but_its_model() -> None:
    made = fields()
    assert (made.output_modalities, made.instructions, made.tool_choice) == (["audio"], "", "auto")
    assert (made.audio.input.turn_detection, made.audio.input.transcription) == (ServerVad(), None)
    assert (made.audio.output.voice, made.audio.output.speed) == (None, 1.0)


@pytest.mark.parametrize("voice", ["amy", {"id": "amy"}])
def test_a_voice_is_named_or_an_object_with_its_id(voice: object) -> None:
    assert AudioOut.model_validate({"voice": voice}).voice == "amy"


def test_turns_are_noticed_in_one_of_two_ways_or_not_at_all() -> None:
    ways = (None, {"type": "server_vad", "silence_duration_ms": 900}, {"type": "semantic_vad", "eagerness": "low"})
    made = [fields(audio={"input": {"turn_detection": way}}).audio.input.turn_detection for way in ways]
    assert made == [None, ServerVad(silence_duration_ms=900), SemanticVad(type="semantic_vad", eagerness="low")]


def test_what_some_clients_do_not_know_is_told_only_when_it_is_there() -> None:
    assert NoiseReduction(type="near_field").model_dump() == {"type": "near_field"}
    assert Transcription().model_dump() == {"model": None, "language": None, "prompt": None}
    assert Transcription(keywords=["Acme"]).model_dump()["keywords"] == ["Acme"]
    assert "parallel_tool_calls" not in fields().model_dump()
    assert fields(parallel_tool_calls=False).model_dump()["parallel_tool_calls"] is False


@pytest.mark.parametrize("language", ["en", "es-MX", "pt_BR"])
def test_a_language_is_two_letters_and_perhaps_a_region(language: str) -> None:
    assert Transcription(language=language).language == language


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"prompt": {"id": "pmpt_1"}}, "unsupported_parameter", "session.prompt"),
        ({"voice": "amy"}, "unknown_parameter", "session.voice"),
        ({"audio": {"output": {"voice": ""}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"voice": {"id": "amy", "x": 1}}}}, "invalid_type", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 1.6}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}}, "invalid_value",
         "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}}, "unknown_parameter",
         "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"transcription": {"language": "english"}}}}, "invalid_value",
         "session.audio.input.transcription.language"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(more: dict[str, Any], code: str, param: str) -> None:
    assert refusal(**more) == (code, param)


def test_a_session_that_only_transcribes_says_what_comes_in() -> None:
    with pytest.raises(ClientError) as caught:
        checked(TranscriptionFields.model_validate, {"type": "transcription"}, "session")
    assert (caught.value.code, caught.value.param) == ("missing_required_parameter", "session.audio")
    made = TranscriptionFields.model_validate({"type": "transcription", "audio": {"input": {}}})
    assert made.audio.input.turn_detection == ServerVad()
