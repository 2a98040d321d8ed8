"""What every wire does alike, whatever its words: audio in and out, and an error that no message led to."""

import pytest

from pipeline.errors import ServerError
from pipeline.loading import load_config
from pipeline.wires.native import Hello, Native
from pipeline.wires.realtime.codec import Realtime
from pipeline.wires.wire import Wire
from tests.pipeline.wires.realtime.client import TERMS

WIRES: list[Wire] = [Native(Hello(rate=24_000), load_config(environ={})), Realtime(TERMS)]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: type(wire).__name__)
def test_its_audio_has_a_rate(wire: Wire) -> None:
    assert wire.in_rate == 24_000


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: type(wire).__name__)
@pytest.mark.parametrize("message", ["", "{", "[]", '{"type": "nothing"}', b"\x01"])
def test_what_cannot_be_used_is_answered_and_raises_nothing(wire: Wire, message: str | bytes) -> None:
    taken = wire.read(message)
    assert [isinstance(one, str) and "error" in one for one in taken] == [True]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: type(wire).__name__)
def test_an_error_of_ours_has_its_code(wire: Wire) -> None:
    assert '"server_busy"' in wire.refuse(ServerError("server_busy", "try again"))
