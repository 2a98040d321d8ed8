import json

import pytest

from pipeline.errors import Fault
from pipeline.wires.realtime.server_events import ServerEvents, error_of, open_string


def test_every_event_has_an_id_of_its_own() -> None:
    events = ServerEvents("ab")
    head = open_string(type="c", delta="")
    written = [events.write("a", x=1), events.write("b"), events.write_around(head, "AAAA")]
    assert [json.loads(event) for event in written] == [
        {"type": "a", "event_id": "event_ab_1", "x": 1},
        {"type": "b", "event_id": "event_ab_2"},
        {"type": "c", "event_id": "event_ab_3", "delta": "AAAA"},
    ]


def test_fields_around_a_text_are_escaped() -> None:
    written = ServerEvents("ab").write_around(open_string(type="a", item_id='"\\', delta=""), "AAAA")
    assert json.loads(written) == {"type": "a", "event_id": "event_ab_1", "item_id": '"\\', "delta": "AAAA"}


def test_text_is_written_as_it_is_read() -> None:
    assert "¿qué tal?" in ServerEvents("ab").write("a", text="¿qué tal?")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(Fault.CLIENT, "invalid_request_error"), (Fault.PROVIDER, "server_error"), (Fault.SERVER, "server_error")],
)
def test_an_error_says_whose_it_is(fault: Fault, expected: str) -> None:
    assert error_of(fault, "c", "m", "p", "e1") == {
        "type": expected,
        "code": "c",
        "message": "m",
        "param": "p",
        "event_id": "e1",
    }
