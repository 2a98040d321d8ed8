import pytest

from pipeline.errors import ClientError, ParleyError, ProviderError, ServerError
from pipeline.wires.realtime.codec import Realtime
from pipeline.wires.wire import Wire
from tests.pipeline.wires.realtime.client import TERMS, Client, base64_of


def test_it_is_a_wire() -> None:
    wire: Wire = Realtime(TERMS)
    assert wire.in_rate == 24_000


def test_a_session_opens_with_itself() -> None:
    client = Client()
    assert client.created["type"] == "session.created"
    assert client.manner.greets is False


def test_audio_has_the_rate_of_the_format_that_was_in_force_when_it_came() -> None:
    client = Client()
    rates = [client.codec.in_rate]
    client.updates(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}})
    rates.append(client.codec.in_rate)
    client.updates(audio={"input": {"format": {"type": "audio/pcma"}}})
    rates.append(client.codec.in_rate)
    assert rates == [24_000, 16_000, 8_000]
    assert client.sends("input_audio_buffer.append", audio=base64_of(bytes(160))) != [bytes(160)]


@pytest.mark.parametrize(
    ("error", "type", "param"),
    [
        (ClientError("session_expired", "It lasts an hour.", "session"), "invalid_request_error", "session"),
        (ProviderError("provider_failed", "No."), "server_error", None),
        (ServerError("conversation_lost", "It is gone."), "server_error", None),
    ],
)
def test_errors_that_no_message_led_to(error: ParleyError, type: str, param: str | None) -> None:
    client = Client()
    event = client.grammar.take(client.codec.refuse(error))
    expected = {"type": type, "code": error.code, "message": error.message, "param": param, "event_id": None}
    assert event["error"] == expected
