"""The events that clients get, as JSON with an id of their own."""

import json
from typing import Any

from pipeline.errors import Fault

_TYPES = {Fault.CLIENT: "invalid_request_error", Fault.PROVIDER: "server_error", Fault.SERVER: "server_error"}


class ServerEvents:
    """Writes events, and numbers them."""

    def __init__(self, name: str) -> None:
        self._prefix = f"event_{name}"
        self._written = 0

    def write(self, type: str, /, **fields: Any) -> str:
        return json.dumps({"type": type, "event_id": self._next(), **fields}, ensure_ascii=False)

    def write_around(self, head: str, text: str) -> str:
        """For audio: `head` is an event up to a last string without its end, `text` what needs no escape in it."""
        return f'{{"event_id":"{self._next()}",{head}{text}"}}'

    def error(self, error: dict[str, Any]) -> str:
        return self.write("error", error=error)

    def _next(self) -> str:
        self._written += 1
        return f"{self._prefix}_{self._written}"


def error_of(fault: Fault, code: str, message: str, param: str | None = None, event_id: str | None = None) -> dict[str, Any]:
    return {"type": _TYPES[fault], "code": code, "message": message, "param": param, "event_id": event_id}


def open_string(**fields: Any) -> str:
    """An event without its id, up to the beginning of the string that is its last field, for `write_around`."""
    return json.dumps(fields)[1:-2]
