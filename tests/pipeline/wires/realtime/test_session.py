from dataclasses import replace
from typing import Any

import pytest

from pipeline.config import Config, Turn
from pipeline.manner import Manner
from pipeline.ports import Tool, Wish
from tests.pipeline.wires.realtime.client import Client

TOOL = {"type": "function", "name": "hours", "description": "Opening hours", "parameters": {"type": "object"}}
CONFIGURED = Config().turn
SERVER_VAD = Turn.model_validate(
    {**CONFIGURED.model_dump(), "detection": "server_vad", "silence_ms": 500, "release_threshold": 0.35}
)


def turn_detection(**fields: Any) -> dict[str, Any]:
    return {"input": {"turn_detection": fields or None}}


# What a session is at first


def test_a_new_session_tells_all_of_itself() -> None:
    assert Client().created["session"] == {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_ab",
        "expires_at": 1_900_000_000,
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": None, "speed": 1.0},
        },
        "tracing": None,
        "truncation": "auto",
        "include": None,
        "prompt": None,
    }


def test_the_manner_of_a_new_session() -> None:
    expected = Manner(language="en", wish=Wish(), greets=False, keeps_items=True, turn=SERVER_VAD)
    assert Client().manner == expected


def test_a_session_of_transcription_neither_answers_nor_stops_a_reply() -> None:
    client = Client(transcribes=True, model="whisper-1", language="es")
    session = client.created["session"]
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
    assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"
    wish = Wish(spoken=False)
    expected = Manner("es", wish=wish, greets=False, answers=False, interrupts=False, keeps_items=True, turn=SERVER_VAD)
    assert client.manner == expected


# Updates


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    client = Client()
    before = client.created["session"]
    after = client.updates(audio={"input": {"turn_detection": {"silence_duration_ms": 700}}})
    expected = before["audio"]["input"]["turn_detection"] | {"silence_duration_ms": 700}
    assert after["audio"]["input"].pop("turn_detection") == expected
    assert before["audio"]["input"].pop("turn_detection") is not None
    assert after == before


def test_what_a_client_wishes_of_replies() -> None:
    client = Client(voices=frozenset({"alloy"}))
    client.updates(
        instructions="Be brief.",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "hours"},
        output_modalities=["text"],
        max_output_tokens=200,
        audio={"output": {"voice": "alloy", "speed": 1.2}},
    )
    tool = Tool("hours", "Opening hours", {"type": "object"})
    assert client.manner.wish == Wish("Be brief.", (tool,), "name:hours", False, "alloy", 1.2, 200)


def test_a_voice_may_come_as_an_object() -> None:
    client = Client()
    assert client.updates(audio={"output": {"voice": {"id": "nova"}}})["audio"]["output"]["voice"] == "nova"


@pytest.mark.parametrize(
    ("flow_answers", "instructions", "expected"),
    [(True, "", True), (True, "Be brief.", True), (False, "", True), (False, "Be brief.", False)],
)
def test_callers_say_what_the_call_flow_foresees_unless_something_else_answers(
    flow_answers: bool, instructions: str, expected: bool
) -> None:
    client = Client(flow_answers=flow_answers)
    client.updates(instructions=instructions)
    assert client.manner.foreseen is expected


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        (
            {"type": "server_vad", "threshold": 0.8, "silence_duration_ms": 300, "prefix_padding_ms": 100},
            {"threshold": 0.8, "release_threshold": 0.8 - 0.15, "silence_ms": 300, "prefix_padding_ms": 100},
        ),
        ({"type": "server_vad", "threshold": 0.1, "silence_duration_ms": 50},
         {"threshold": 0.1, "release_threshold": 0.0, "silence_ms": 50, "pause_ms": 50}),
    ],
)  # fmt: skip
def test_the_rules_of_a_turn_by_silence(detection: dict[str, Any], expected: dict[str, Any]) -> None:
    client = Client()
    client.updates(audio=turn_detection(**detection))
    assert client.manner.turn == SERVER_VAD.model_copy(update=expected)


def test_the_rules_of_a_turn_by_its_words() -> None:
    client = Client()
    told = client.updates(audio=turn_detection(type="semantic_vad", eagerness="high"))
    assert told["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }
    assert client.manner.turn == CONFIGURED.model_copy(update={"detection": "semantic_vad", "eagerness": "high"})


def test_a_client_that_says_itself_what_a_turn_is() -> None:
    client = Client()
    detected = client.manner
    client.updates(audio=turn_detection())
    assert client.manner == replace(detected, detects=False, answers=False, interrupts=False, turn=None)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("interrupt", [True, False])
@pytest.mark.parametrize("type", ["server_vad", "semantic_vad"])
def test_replies_and_interruptions_are_the_clients_choice(type: str, create: bool, interrupt: bool) -> None:
    client = Client()
    client.updates(audio=turn_detection(type=type, create_response=create, interrupt_response=interrupt))
    assert (client.manner.answers, client.manner.interrupts) == (create, interrupt)


def test_a_silence_that_is_answered() -> None:
    client = Client()
    client.updates(audio=turn_detection(type="server_vad", idle_timeout_ms=6_000))
    assert client.manner.idle_ms == 6_000
    client.updates(audio=turn_detection(type="semantic_vad"))
    assert client.manner.idle_ms == 0


@pytest.mark.parametrize(
    ("transcription", "language", "prompt"),
    [
        ({"model": "whisper-1"}, "en", ""),
        ({"language": "ES"}, "es", ""),
        ({"language": "pt-BR"}, "pt", ""),
        ({"languages": ["fr", "de"]}, "fr", ""),
        ({"prompt": "Names of doctors", "keywords": ["Ng", "Okafor"]}, "en", "Ng, Okafor, Names of doctors"),
        (None, "en", ""),
    ],
)
def test_what_helps_to_recognise(transcription: dict[str, Any] | None, language: str, prompt: str) -> None:
    client = Client()
    client.updates(audio={"input": {"transcription": transcription}})
    assert (client.manner.language, client.manner.prompt) == (language, prompt)


@pytest.mark.parametrize(
    ("form", "rate"),
    [
        ({"type": "audio/pcm"}, 24_000),
        ({"type": "audio/pcm", "rate": 16_000}, 16_000),
        ({"type": "audio/pcm", "rate": 8_000}, 8_000),
        ({"type": "audio/pcmu"}, 8_000),
        ({"type": "audio/pcma"}, 8_000),
    ],
)
def test_formats_of_audio(form: dict[str, Any], rate: int) -> None:
    client = Client()
    client.updates(audio={"input": {"format": form}, "output": {"format": form}})
    assert (client.codec.in_rate, client.manner.out_rate) == (rate, rate)


@pytest.mark.parametrize(
    "fields",
    [
        {"tracing": "auto"},
        {"tracing": {"group_id": "g", "metadata": {"a": 1}, "workflow_name": "w"}},
        {"truncation": "disabled"},
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 9}}},
        {"include": ["item.input_audio_transcription.logprobs"]},
        {"reasoning": {"effort": "low"}},
        {"parallel_tool_calls": True},
    ],
)
def test_what_has_no_effect_is_given_back(fields: dict[str, Any]) -> None:
    client = Client()
    manner = client.manner
    told = client.updates(**fields)
    assert {name: told[name] for name in fields} == fields
    assert client.manner == manner


@pytest.mark.parametrize("name", ["tracing", "include", "prompt", "truncation"])
def test_what_may_be_off_is_turned_off_by_null(name: str) -> None:
    assert Client().updates(**{name: None})[name] is None


def test_what_only_some_clients_know_is_told_only_when_it_is_there() -> None:
    client = Client()
    heard = {
        "transcription": {"model": "whisper-1", "language": None, "prompt": None},
        "noise_reduction": {"type": "near_field"},
    }
    rare = {"transcription": {"languages": ["en"], "keywords": ["Ng"], "delay": "low"}, "noise_reduction": {"strength": 0.5}}
    none = {name: dict.fromkeys(fields) for name, fields in rare.items()}
    told = [
        client.updates(reasoning=reasoning, parallel_tool_calls=parallel, audio={"input": input})
        for reasoning, parallel, input in ((None, None, heard), ({"effort": "low"}, True, rare), (None, None, none))
    ]
    assert [{"reasoning", "parallel_tool_calls"} & set(session) for session in told] == [
        set(),
        {"reasoning", "parallel_tool_calls"},
        set(),
    ]
    parts = [{name: session["audio"]["input"][name] for name in heard} for session in told]
    assert parts == [heard, {name: heard[name] | rare[name] for name in heard}, heard]


@pytest.mark.parametrize(
    "fields",
    [
        {"instructions": None, "max_output_tokens": None, "tools": None, "model": None, "audio": None},
        {"audio": {"input": {"format": None, "turn_detection": {"threshold": None}}, "output": {"speed": None}}},
        {"audio": {"input": None, "output": {"format": {"type": None}}}},
    ],
)
def test_a_null_elsewhere_changes_nothing(fields: dict[str, Any]) -> None:
    client = Client()
    before = client.updates(
        instructions="Be brief.", max_output_tokens=5, audio=turn_detection(type="server_vad", threshold=0.7)
    )
    assert client.updates(**fields) == before


def test_a_null_in_a_part_of_a_new_kind_is_the_default() -> None:
    client = Client()
    told = client.updates(audio=turn_detection(type="semantic_vad", eagerness=None, create_response=None))
    expected = {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True}
    assert told["audio"]["input"]["turn_detection"] == expected


def test_a_tool_may_be_chosen_before_it_is_there() -> None:
    client = Client()
    client.updates(tool_choice={"type": "function", "name": "hours"})
    assert client.manner.wish.tool_choice == "auto"
    client.updates(tools=[TOOL])
    assert client.manner.wish.tool_choice == "name:hours"


def test_noise_reduction_and_transcription_go_on_and_off() -> None:
    client = Client()
    on = {"noise_reduction": {"type": "near_field"}}
    assert client.updates(audio={"input": on})["audio"]["input"]["noise_reduction"] == on["noise_reduction"]
    assert client.updates(audio={"input": {"noise_reduction": None}})["audio"]["input"]["noise_reduction"] is None


# What cannot be


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"voice": "alloy"}, "unknown_parameter", "session.voice"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}}, "unknown_parameter",
         "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"turn_detection": {"threshold": 1.5}}}}, "invalid_value",
         "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"turn_detection": {"type": "none"}}}}, "invalid_value",
         "session.audio.input.turn_detection.type"),
        ({"audio": {"input": {"turn_detection": "none"}}}, "invalid_type", "session.audio.input.turn_detection"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 44_100}}}}, "invalid_value",
         "session.audio.input.format.rate"),
        ({"audio": {"input": {"format": "pcm16"}}}, "invalid_type", "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "invalid_value", "session.audio.input.format.type"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"voice": "bob"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"input": {"transcription": {"language": "english"}}}}, "invalid_value",
         "session.audio.input.transcription.language"),
        ({"audio": "loud"}, "invalid_type", "session.audio"),
        ({"voice": None}, "unknown_parameter", "session.voice"),
        ({"audio": {"input": {"turn_detection": {"idle_timeout_ms": 999}}}}, "invalid_value",
         "session.audio.input.turn_detection.idle_timeout_ms"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "unsupported_mcp", "session.tools[0].type"),
        ({"tools": [TOOL, {"type": "function"}]}, "missing_required_parameter", "session.tools[1].name"),
        ({"tool_choice": "always"}, "invalid_value", "session.tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "unsupported_parameter", "session.prompt"),
        ({"model": 5}, "invalid_type", "session.model"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "speech"}, "invalid_value", "session.type"),
        ({"type": None}, "missing_required_parameter", "session.type"),
    ],
)  # fmt: skip
def test_updates_that_are_refused_as_a_whole(session: dict[str, Any], code: str, param: str) -> None:
    client = Client(voices=frozenset({"alloy", "en-gb", "f3"}))
    manner, wire = client.manner, client.created["session"]
    refused = client.is_refused("session.update", session={"type": "realtime", "instructions": "Be brief.", **session})
    assert refused == (code, param)
    assert client.manner == manner
    assert client.updates() == wire


def test_an_update_must_say_its_type() -> None:
    assert Client().is_refused("session.update", session={}) == ("missing_required_parameter", "session.type")
    assert Client().is_refused("session.update") == ("missing_required_parameter", "session")


def test_voices_may_be_combined_and_any_will_do_where_none_are_listed() -> None:
    assert Client(voices=frozenset({"en-gb", "f3"})).updates(audio={"output": {"voice": "en-gb+f3"}})
    assert Client().updates(audio={"output": {"voice": "bob"}})


def test_the_model_stays_whatever_an_update_says() -> None:
    assert Client().updates(model="gpt-4o", instructions="Be brief.")["model"] == "gpt-realtime"
