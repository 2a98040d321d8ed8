import json

import pytest

from gateway.rest import refusal
from pipeline.errors import ClientError, ParleyError, ProviderError, ServerError


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ClientError("voice_unknown", "no such voice"), 400, "invalid_request_error"),
        (ClientError("key_missing", "a key is needed"), 401, "invalid_request_error"),
        (ClientError("file_too_big", "too big"), 413, "invalid_request_error"),
        (ProviderError("provider_timeout", "too late"), 502, "provider_error"),
        (ServerError("stage_failed", "broken"), 500, "server_error"),
    ],
)
def test_an_error_has_a_fitting_status_and_the_shape_that_clients_read(error: ParleyError, status: int, kind: str) -> None:
    answer = refusal(error)
    assert answer.status_code == status
    expected = {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
    assert json.loads(bytes(answer.body)) == expected


def test_who_lacks_a_key_hears_how_to_show_one() -> None:
    answers = [refusal(ClientError(code, "no")).headers.get("WWW-Authenticate") for code in ("key_invalid", "voice_unknown")]
    assert answers == ["Bearer", None]


def test_who_is_limited_hears_when_to_come_back_and_what_was_wrong() -> None:
    answer = refusal(ClientError("rate_limit_exceeded", "slow down", param="requests", retry_after_s=1.2))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert json.loads(bytes(answer.body))["error"]["param"] == "requests"


def test_who_finds_no_room_hears_when_to_come_back() -> None:
    answer = refusal(ServerError("server_busy", "no room", retry_after_s=5))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
