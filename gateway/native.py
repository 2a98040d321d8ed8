"""`/ws`: the WebSocket of our own wire. A caller whose connection broke may come back to the conversation for a while."""

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack

from ray.serve._private.constants import RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive, Scope, Send

from actors.inbox import Opening
from gateway import sockets
from gateway.calls import Call, Calls
from gateway.connection import TRY_LATER, Close, Connection, Terms, policy, refuse
from gateway.counting import refused
from gateway.guard import Guard, accepting
from gateway.realtime import Watch
from gateway.voices import Voices
from pipeline.config import Config
from pipeline.errors import ClientError, ConfigError, ParleyError, ServerError
from pipeline.events import HungUp, WentAway
from pipeline.flow import load_flow
from pipeline.manner import Manner
from pipeline.notices import SessionOpened
from pipeline.ports import Wish
from pipeline.wires import native

_LAST_S = 5.0
"""Before the end of a replica that goes its callers are sent to another one. It begins to go when it takes no new ones."""
_PASSING = ("resume_later", "server_busy")
"""What may be otherwise a moment later."""


class NativeApi:
    """The address in one gateway replica."""

    def __init__(
        self, config: Config, voices: Voices, guard: Guard, watch: Callable[[], Watch], calls: Callable[[], Calls]
    ) -> None:
        self._config = config
        self._voices = voices
        self._guard = guard
        self._watch = watch
        self._calls = calls

    def routes(self) -> list[BaseRoute]:
        return [WebSocketRoute("/ws", self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        calls = self._calls()
        async with AsyncExitStack() as place:
            try:
                await place.enter_async_context(self._guard.admit_conversation(scope))
                hello = native.read_query(dict(QueryParams(scope["query_string"])))
                call = await self._rejoined(hello, calls) if hello.resume else await self._new(hello, calls)
            except ParleyError as error:
                refused(error)
                close = Close(TRY_LATER, error.code) if error.code in _PASSING else policy(error)
                await refuse(native.refusal(error), close, receive, accepting(scope, send))
                return
            connection = Connection(call, native.Native(hello, self._config), _terms(self._config, hello), receive, send)
            try:
                await receive()
                await accepting(scope, send)({"type": "websocket.accept"})
                connection.tell(self._session(call, hello))
                if hello.resume:
                    call.go_on(connection.take)
                else:
                    calls.open(call, connection.take)
                await connection.run(sockets.of(scope))
            finally:
                calls.end(call, HungUp() if connection.over else WentAway())

    async def _new(self, hello: native.Hello, calls: Calls) -> Call:
        calls.check_room()
        language, flow = self._wishes(hello)
        await self._voices.check(hello.voice)
        wish = Wish(voice=hello.voice)
        greets = self._config.conversation.greeting
        manner = Manner(language, hello.out_rate, wish, greets=greets, shows_words=hello.words)
        return Call(Opening(secrets.randbits(63), flow, manner, secrets.token_urlsafe(24)))

    async def _rejoined(self, hello: native.Hello, calls: Calls) -> Call:
        """The conversation that a caller comes back to, at the rate at which it was held."""
        id, _, secret = hello.resume.partition(".")
        call = Call(Opening(int(id, 16), "", Manner(hello.lang, hello.out_rate), secret))
        rejoined = await calls.rejoin(call, secret)
        if rejoined is None:
            raise ClientError("resume_unknown", "this conversation is over, or was never held here; begin a new one")
        if rejoined.manner.out_rate != hello.out_rate:
            calls.end(call, WentAway())
            raise ClientError("rate_unsupported", f"out_rate: this conversation is held at {rejoined.manner.out_rate}")
        return call

    def _session(self, call: Call, hello: native.Hello) -> SessionOpened:
        id = f"{call.id:016x}"
        resume = f"{id}.{call.opening.secret}"
        return SessionOpened(id, resume, hello.rate, hello.out_rate, self._watch().answering(), bool(hello.resume))

    def _wishes(self, hello: native.Hello) -> tuple[str, str]:
        name = hello.flow or self._config.conversation.flow
        try:
            flow = load_flow(self._config.flows_dir, name)
        except ConfigError as error:
            # A flow that the caller named badly is the caller's fault; one that we hold and cannot read is ours.
            raise (ClientError if error.code == "flow_unknown" else ServerError)(error.code, error.message) from None
        language = hello.lang or self._config.conversation.language
        if language not in flow.languages:
            known = ", ".join(flow.languages)
            raise ClientError("language_unsupported", f"the flow '{name}' speaks {known}, not '{language}'")
        return language, name


def _terms(config: Config, hello: native.Hello) -> Terms:
    """A caller on `/ws` speaks; nobody speaks faster than the clock, and replies come little ahead of it."""
    limits = config.server
    waiting_bytes = 2 * hello.out_rate * limits.max_downlink_ms // 1000
    return Terms(
        message_bytes=limits.max_message_bytes,
        ahead_ms=limits.max_uplink_ms,
        patient=False,
        waiting_bytes=waiting_bytes,
        closing=policy,
        moves_after_s=max(limits.patience_s - RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S - _LAST_S, 0),
    )
