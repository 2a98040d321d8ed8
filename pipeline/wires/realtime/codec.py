"""The Realtime API over a conversation: one codec a session."""

from collections.abc import Callable

from pipeline.errors import ClientError, ParleyError
from pipeline.manner import Manner
from pipeline.notices import Notice
from pipeline.wires.realtime.formats import rate_of
from pipeline.wires.realtime.requests import Requests
from pipeline.wires.realtime.server_events import ServerEvents, error_of
from pipeline.wires.realtime.session import Session, Terms
from pipeline.wires.realtime.telling import RateLimit, Replies, Telling
from pipeline.wires.realtime.transcripts import Transcripts
from pipeline.wires.wire import Taken


class Realtime:
    """The wire of `/v1/realtime`; `rate_limits` gives what is left to the client's key, if that is limited."""

    def __init__(self, terms: Terms, rate_limits: Callable[[], list[RateLimit]] = list) -> None:
        self._session = Session(terms)
        self._events = ServerEvents(terms.id)
        transcripts = Transcripts(self._events, early=terms.transcribes)
        replies = Replies()
        self._requests = Requests(terms, self._session, self._events, transcripts, replies.find_turn)
        self._telling = Telling(terms, self._session, self._events, transcripts, replies, self._requests, rate_limits)

    @property
    def manner(self) -> Manner:
        """How the conversation is held by now; changes come as `Adjusted`."""
        return self._session.manner

    @property
    def in_rate(self) -> int:
        return rate_of(self._session.input.format)

    def opening(self) -> list[str]:
        """What the client gets first of all."""
        return [self._events.write("session.created", session=self._session.wire())]

    def read(self, message: str | bytes) -> list[Taken]:
        return self._requests.read(message)

    def write(self, delivery: Notice | bytes) -> list[str | bytes]:
        return [*(self._telling.audio(delivery) if isinstance(delivery, bytes) else self._telling.write(delivery))]

    def refuse(self, error: ParleyError) -> str:
        param = error.param if isinstance(error, ClientError) else None
        return self._events.error(error_of(error.fault, error.code, error.message, param))
