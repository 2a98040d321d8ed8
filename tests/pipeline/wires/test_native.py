import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import notices
from pipeline.config import Config
from pipeline.errors import ClientError, Fault, ServerError
from pipeline.events import HungUp, KeyPressed, Played, StopAsked, Typed
from pipeline.latency import Latency
from pipeline.notices import ForItems, Notice
from pipeline.wires import native
from pipeline.wires.native import Hello, Native, Ping, read_audio, read_query, read_text, write

CONFIG = Config()
TOKEN = "00000000000000ff.abcdefghijklmnop-_0123"


def code(read: object, *arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        read(*arguments)  # type: ignore[operator]
    assert caught.value.fault is Fault.CLIENT
    assert caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.code


# The address


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Hello(rate=16_000, out_rate=24_000, lang="", flow="")),
        ({"rate": "8000", "out_rate": "48000"}, Hello(rate=8_000, out_rate=48_000)),
        ({"lang": "es", "flow": "clinic"}, Hello(lang="es", flow="clinic")),
        ({"resume": TOKEN}, Hello(resume=TOKEN)),
        ({"voice": "en-gb+f3"}, Hello(voice="en-gb+f3")),
    ],
)
def test_what_a_client_wishes(query: dict[str, str], expected: Hello) -> None:
    assert read_query(query) == expected


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000, 44_100, 48_000])
def test_every_rate_of_clients_is_taken(rate: int) -> None:
    hello = read_query({"rate": str(rate), "out_rate": str(rate)})
    assert (hello.rate, hello.out_rate) == (rate, rate)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"rate": "7999"}, "rate_unsupported"),
        ({"out_rate": "48001"}, "rate_unsupported"),
        ({"rate": "fast"}, "rate_unsupported"),
        ({"lang": "english"}, "query_invalid"),
        ({"flow": "../../etc/passwd"}, "query_invalid"),
        ({"flow": "x" * 65}, "query_invalid"),
        ({"voice": "x" * 129}, "query_invalid"),
        ({"speed": "1"}, "query_invalid"),
        ({"resume": "1f"}, "query_invalid"),
        ({"resume": f"g{TOKEN[1:]}"}, "query_invalid"),
        ({"resume": f"{TOKEN}/../x"}, "query_invalid"),
        ({"resume": TOKEN + 80 * "a"}, "query_invalid"),
    ],
)
def test_wishes_that_cannot_be_met(query: dict[str, str], expected: str) -> None:
    assert code(read_query, query) == expected


# What clients send


def test_audio_is_whole_samples() -> None:
    assert read_audio(b"\1\2\3\4") == b"\1\2\3\4"
    assert read_audio(b"") == b""
    assert code(read_audio, b"\1\2\3") == "audio_odd"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('{"type": "text", "text": "hola, ¿qué tal?"}', Typed("hola, ¿qué tal?")),
        ('{"type": "interrupt"}', StopAsked()),
        ('{"type": "key", "key": "#"}', KeyPressed("#")),
        ('{"type": "played", "ms": 1500}', Played(1_500)),
        ('{"ms": 0, "type": "played"}', Played(0)),
        ('{"type": "bye"}', HungUp()),
        ('{"type": "ping"}', Ping(type="ping")),
    ],
)
def test_messages(message: str, expected: object) -> None:
    assert read_text(message, CONFIG) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "json_invalid"),
        ("hello", "json_invalid"),
        ('{"type": "text"', "json_invalid"),
        ('{"type": "text", "text": "\\ud800"}', "json_invalid"),
        ("[" * 100_000, "json_invalid"),
        ("null", "type_missing"),
        ("5", "type_missing"),
        ("[]", "type_missing"),
        ('"text"', "type_missing"),
        ("{}", "type_missing"),
        ('{"text": "hello"}', "type_missing"),
        ('{"type": "shout"}', "type_unknown"),
        ('{"type": 5}', "type_unknown"),
        ('{"type": null}', "type_unknown"),
        ('{"type": "text"}', "message_invalid"),
        ('{"type": "text", "text": ""}', "message_invalid"),
        ('{"type": "text", "text": 5}', "message_invalid"),
        ('{"type": "text", "text": "a", "b": 1}', "message_invalid"),
        ('{"type": "played"}', "message_invalid"),
        ('{"type": "played", "ms": -1}', "message_invalid"),
        ('{"type": "played", "ms": 1e400}', "message_invalid"),
        ('{"type": "bye", "now": true}', "message_invalid"),
    ],
)
def test_messages_that_cannot_be_used(message: str, expected: str) -> None:
    assert code(read_text, message, CONFIG) == expected


def test_a_refusal_names_the_field_and_does_not_repeat_what_was_said() -> None:
    with pytest.raises(ClientError, match=r"^text: ") as caught:
        read_text('{"type": "text", "text": ["my secret"]}', CONFIG)
    assert "my secret" not in str(caught.value)


def test_a_typed_turn_has_a_longest_length() -> None:
    longest = "x" * CONFIG.conversation.max_text_chars
    assert read_text(json.dumps({"type": "text", "text": longest}), CONFIG) == Typed(longest)
    assert code(read_text, json.dumps({"type": "text", "text": longest + "x"}), CONFIG) == "text_too_long"


NAMES = st.sampled_from(["type", "text", "ms", "x"])
TYPES = st.sampled_from(["text", "key", "interrupt", "played", "ping", "bye"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
REFUSALS = {"json_invalid", "type_missing", "type_unknown", "message_invalid", "text_too_long"}


@settings(deadline=None)
@given(st.text() | JSON.map(json.dumps) | st.builds(lambda kind, rest: json.dumps({"type": kind, "ms": rest}), TYPES, JSON))
def test_whatever_comes_is_understood_or_refused(message: str) -> None:
    try:
        read: object = read_text(message, CONFIG)
    except ClientError as error:
        read = error.code
    assert isinstance(read, Typed | StopAsked | Played | HungUp | Ping) or read in REFUSALS


# What clients get


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (
            notices.SessionOpened("1f", "secret", 16_000, 24_000, {"asr": "sphinx"}),
            {
                "type": "session",
                "id": "1f",
                "resume": "secret",
                "rate": 16_000,
                "out_rate": 24_000,
                "providers": {"asr": "sphinx"},
                "resumed": False,
            },
        ),
        (notices.CallerBegan(1_000), {"type": "speech_started", "at_ms": 1_000}),
        (notices.CallerStopped(2_000), {"type": "speech_stopped", "at_ms": 2_000}),
        (
            notices.Heard(3, "¿qué tal?", True, "es", None),
            {"type": "transcript", "turn": 3, "text": "¿qué tal?", "final": True, "language": "es", "confidence": None},
        ),
        (notices.Said(3, "Bien.", False), {"type": "reply", "turn": 3, "text": "Bien.", "final": False}),
        (notices.AudioStarted(3), {"type": "audio_started", "turn": 3}),
        (notices.AudioDone(3, 1_500), {"type": "audio_done", "turn": 3, "ms": 1_500}),
        (notices.Voiced(3, ((200, 1), (450, 2))), {"type": "voiced", "turn": 3, "marks": [[200, 1], [450, 2]]}),
        (
            notices.Interrupted(3, 700, "Bien"),
            {"type": "interrupted", "turn": 3, "heard_ms": 700, "heard_text": "Bien", "told_by": "clock"},
        ),
        (notices.Held(3, 700), {"type": "held", "turn": 3, "heard_ms": 700}),
        (notices.WentOn(3, 700), {"type": "resumed", "turn": 3, "at_ms": 700}),
        (
            notices.TurnReport(3, Latency(500, 80, 150, 60, 5, 795)),
            {
                "type": "turn",
                "turn": 3,
                "latency": {
                    "endpoint_ms": 500,
                    "asr_ms": 80,
                    "llm_ms": 150,
                    "tts_ms": 60,
                    "overhead_ms": 5,
                    "total_ms": 795,
                },
                "speculated": False,
                "met": "target",
                "late": [],
                "did": [],
            },
        ),
        (
            notices.Failed("provider_timeout", "too late", Fault.PROVIDER),
            {"type": "error", "code": "provider_timeout", "message": "too late", "fault": "provider"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_notices(notice: Notice, expected: dict[str, object]) -> None:
    assert json.loads(write(notice)) == expected


def test_every_notice_has_a_type_of_its_own() -> None:
    assert set(native._TYPES) == set(get_args(Notice)) - set(get_args(ForItems))
    assert len(set(native._TYPES.values())) == len(native._TYPES)


def test_text_is_written_as_it_is_read() -> None:
    assert "¿qué tal?" in write(notices.Said(1, "¿qué tal?", True))


def test_a_ping_is_answered_with_json() -> None:
    assert json.loads(native.PONG) == {"type": "pong"}


# The wire of one caller


def test_a_callers_messages() -> None:
    wire = Native(Hello(rate=8_000), CONFIG)
    assert wire.in_rate == 8_000
    assert wire.read(b"\x01\x00") == [b"\x01\x00"]
    assert wire.read(b"") == []
    assert wire.read('{"type": "text", "text": "hello"}') == [Typed("hello")]
    assert wire.read('{"type": "bye"}') == [HungUp()]
    assert wire.read('{"type": "ping"}') == [native.PONG]


@pytest.mark.parametrize(("message", "expected"), [(b"\x01", "audio_odd"), ("{", "json_invalid")])
def test_what_a_caller_sends_wrongly_is_answered(message: str | bytes, expected: str) -> None:
    [answer] = Native(Hello(), CONFIG).read(message)
    assert isinstance(answer, str)
    told = json.loads(answer)
    assert (told["type"], told["code"], told["fault"]) == ("error", expected, "client")


def test_what_a_caller_gets() -> None:
    wire = Native(Hello(), CONFIG)
    assert wire.write(b"\x02\x00") == [b"\x02\x00"]
    assert wire.write(notices.AudioStarted(3)) == ['{"type": "audio_started", "turn": 3}']
    error = ClientError("reader_too_slow", "read faster")
    assert json.loads(wire.refuse(error)) == {
        "type": "error",
        "code": "reader_too_slow",
        "message": "read faster",
        "fault": "client",
    }


def test_an_error_that_passes_says_when() -> None:
    told = json.loads(native.refusal(ServerError("server_busy", "no room", retry_after_s=5)))
    assert (told["code"], told["fault"], told["retry_after_s"]) == ("server_busy", "server", 5)
