"""`/v1/realtime`: the WebSocket of OpenAI's Realtime API, over the same conversations that `/ws` holds.

Who may not come in is taken in first, hears why in an `error` event, and is closed with a code that OpenAI's clients know and
the error's type and code as the reason. A session of transcription (`intent=transcription`) needs no model.
"""

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from actors.inbox import Opening
from gateway import connection, sockets
from gateway.calls import Call, Calls
from gateway.connection import GOING_AWAY, POLICY, TRY_LATER, Close, Connection
from gateway.counting import refused
from gateway.guard import Guard, accepting
from gateway.rest import refusal
from gateway.voices import Voices
from pipeline.config import Config
from pipeline.engine_settings import FlowEngine
from pipeline.errors import ClientError, Fault, ParleyError
from pipeline.events import HungUp
from pipeline.keys import Caller
from pipeline.wires.realtime import session
from pipeline.wires.realtime.codec import Realtime
from pipeline.wires.realtime.server_events import ServerEvents, error_of

log = logging.getLogger(__name__)

_INTENTS = ("", "realtime", "transcription")
_BAD_KEY, _BAD_REQUEST = 3000, 4000
_CLOSES = {
    "invalid_api_key": _BAD_KEY,
    "rate_limit_exceeded": TRY_LATER,
    "server_busy": TRY_LATER,
    "session_expired": GOING_AWAY,
    "reader_too_slow": POLICY,
}
"""A client that connects again by itself does so after `TRY_LATER` and `GOING_AWAY`, and after no other of these."""
_ENVELOPE_BYTES = 65_536
"""What a message may hold besides its audio."""
_HIGHEST_RATE = 24_000


class Watch(Protocol):
    def answering(self) -> dict[str, str]: ...


class RealtimeApi:
    """The addresses in one gateway replica."""

    def __init__(
        self,
        config: Config,
        voices: Voices,
        guard: Guard,
        watch: Callable[[], Watch],
        calls: Callable[[], Calls],
    ) -> None:
        self._config = config
        self._voices = voices
        self._guard = guard
        self._watch = watch
        self._calls = calls

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute("/realtime", self), Route("/realtime/calls", _no_calls, methods=["POST"])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send_accepting = accepting(scope, send)
        async with AsyncExitStack() as stack:
            try:
                caller = await stack.enter_async_context(self._guard.admit_conversation(scope))
                model, transcribes = _wishes(scope)
                self._calls().check_room()
            except ParleyError as error:
                await _refuse(error, receive, send_accepting)
                return
            id = secrets.randbits(63)
            wire = Realtime(await self._terms(id, model, transcribes), lambda: self._rate_limits(caller))
            await receive()
            await send_accepting({"type": "websocket.accept"})
            for words in wire.opening():
                await send({"type": "websocket.send", "text": words})
            call = Call(Opening(id, self._config.conversation.flow, wire.manner))
            talk = Connection(call, wire, self._limits(), receive, send)
            calls = self._calls()
            calls.open(call, talk.take)
            try:
                await talk.run(sockets.of(scope))
            finally:
                calls.end(call, HungUp())

    async def _terms(self, id: int, model: str, transcribes: bool) -> session.Terms:
        config = self._config
        return session.Terms(
            id=f"{id:016x}",
            model=model,
            expires_at=int(time.time()) + config.server.longest_conversation_s,
            turn=config.turn,
            language=config.conversation.language,
            transcribes=transcribes,
            voices=await self._voices.names(),
            flow_answers=self._flow_answers(),
            history_items=config.conversation.history_messages,
            text_chars=config.api.item_chars,
            message_bytes=config.server.max_message_bytes,
            audio_bytes=config.server.max_append_bytes + _ENVELOPE_BYTES,
        )

    def _limits(self) -> connection.Terms:
        """Clients may send recordings, and play what they get in their own time: all that a reply may run ahead can wait."""
        server = self._config.server
        waiting_ms = server.max_downlink_ms + self._config.playout.burst_ms
        return connection.Terms(
            message_bytes=server.max_append_bytes + _ENVELOPE_BYTES,
            ahead_ms=server.max_burst_ms,
            patient=True,
            waiting_bytes=2 * _HIGHEST_RATE * waiting_ms // 1000,
            closing=_closing,
            lasts_s=server.longest_conversation_s,
        )

    def _flow_answers(self) -> bool:
        """Until it is known who answers, it is the last resort."""
        llm = self._config.llm
        return isinstance(llm.engines[self._watch().answering().get("llm", llm.providers[-1])], FlowEngine)

    def _rate_limits(self, caller: Caller) -> list[tuple[str, int, int, float]]:
        return [(limit.name, limit.limit, limit.remaining, limit.reset_seconds) for limit in self._guard.rate_limits(caller)]


def _wishes(scope: Scope) -> tuple[str, bool]:
    """The model that is asked for, and whether words are all that is wanted."""
    if "realtime" in Headers(scope=scope).get("openai-beta", ""):
        problem = "The beta shape of this API is not spoken here; leave out the header OpenAI-Beta."
        raise ClientError("beta_api_shape_disabled", problem)
    query = QueryParams(scope["query_string"])
    model, intent = query.get("model", ""), query.get("intent", "")
    if intent not in _INTENTS:
        raise ClientError("invalid_value", "intent must be realtime or transcription", "intent")
    transcribes = intent == "transcription"
    if not model and not transcribes:
        raise ClientError("missing_model", "Name a model in the address, such as ?model=parley; any name will do.", "model")
    return model, transcribes


async def _refuse(error: ParleyError, receive: Receive, send: Send) -> None:
    refused(error)
    if error.code in ("key_missing", "key_invalid"):
        error = ClientError("invalid_api_key", error.message)
    param = error.param if isinstance(error, ClientError) else None
    told = error_of(error.fault, error.code, error.message, param)
    words = ServerEvents(secrets.token_hex(8)).error(told)
    await connection.refuse(words, _closing(error), receive, send)


def _closing(error: ParleyError) -> Close:
    kind = "invalid_request_error" if error.fault is Fault.CLIENT else "server_error"
    return Close(_CLOSES.get(error.code, _BAD_REQUEST), f"{kind}.{error.code}")


async def _no_calls(_: Request) -> Response:
    problem = "calls over WebRTC are not answered by this server; connect to the WebSocket at /v1/realtime"
    return refusal(ClientError("not_implemented", problem))
