"""A client of the Realtime API without a socket: what it sends and what it gets, checked against the grammar."""

import base64
import json
from dataclasses import replace
from typing import Any

from pipeline.config import Config
from pipeline.events import Adjusted, FromCaller
from pipeline.manner import Manner
from pipeline.notices import Notice
from pipeline.wires.realtime.codec import Realtime
from pipeline.wires.realtime.session import Terms
from pipeline.wires.realtime.telling import RateLimit
from tests.pipeline.wires.realtime.grammar import Event, Grammar

TERMS = Terms(id="ab", model="gpt-realtime", expires_at=1_900_000_000, turn=Config().turn)
LIMITS: list[RateLimit] = [("requests", 100, 99, 0.6)]


def base64_of(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


class Client:
    """One session; `terms` are fields of `Terms` that differ."""

    def __init__(self, *, limits: list[RateLimit] | None = None, **terms: Any) -> None:
        self.terms = replace(TERMS, **terms)
        self.codec = Realtime(self.terms, lambda: limits or [])
        self.grammar = Grammar(transcription=self.terms.transcribes)
        self.created: Event = self.grammar.take_all(self.codec.opening())[0]

    @property
    def manner(self) -> Manner:
        return self.codec.manner

    def sends(self, type: str, **fields: Any) -> list[Event | bytes | FromCaller]:
        """What comes of an event: answers as they are read, audio, and events for the conversation."""
        return self.sends_raw(json.dumps({"type": type, **fields}))

    def sends_raw(self, message: str | bytes) -> list[Event | bytes | FromCaller]:
        return [self.grammar.take(taken) if isinstance(taken, str) else taken for taken in self.codec.read(message)]

    def is_refused(self, type: str, **fields: Any) -> tuple[str, str | None]:
        """Code and param of the error, which is all that comes of the event and names it."""
        answers = self.sends(type, event_id="e1", **fields)
        assert [isinstance(answer, dict) and answer["type"] for answer in answers] == ["error"]
        error = answers[0]["error"]  # type: ignore[index]
        assert (error["event_id"], error["type"]) == ("e1", "invalid_request_error")
        return error["code"], error["param"]

    def updates(self, **session: Any) -> Event:
        """The session as it is told after an update."""
        updated, adjusted = self.sends("session.update", session={"type": self.created["session"]["type"], **session})
        assert isinstance(updated, dict)
        assert updated["type"] == "session.updated"
        assert adjusted == Adjusted(self.manner)
        return updated["session"]

    def gets(self, *deliveries: Notice | bytes) -> list[Event]:
        return [event for delivery in deliveries for event in self.grammar.take_all(self.codec.write(delivery))]

    def types(self, *deliveries: Notice | bytes) -> list[str]:
        return [event["type"] for event in self.gets(*deliveries)]


def shown(event: Event, *without: str) -> Event:
    """An event without its id, and without fields that a test is not about."""
    return {key: value for key, value in event.items() if key not in ("event_id", *without)}
