"""The ingress: the addresses that this server answers, as one ASGI application."""

import secrets
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from actors import pool
from actors.buffer import Opening
from actors.stages import ServeStages
from gateway.connection import Connection, Terms, policy, refuse
from gateway.guard import Guard, accepting, guarded
from gateway.health import HealthWatch
from gateway.link import ShardLink
from gateway.models import Models
from gateway.page import render
from gateway.realtime import RealtimeApi
from gateway.rest import refusal
from gateway.speech import SpeechApi
from gateway.transcriptions import Transcriptions
from pipeline.config import Config
from pipeline.errors import ClientError, ConfigError, ParleyError, ServerError
from pipeline.flow import flow_names, load_flow
from pipeline.manner import Manner
from pipeline.notices import SessionOpened
from pipeline.wires import native


class Gateway:
    """One ingress replica."""

    def __init__(self, config: Config, **stages: DeploymentHandle[Any]) -> None:
        self._config = config
        self._stages = stages
        self._guard = Guard(config)
        self._name = secrets.token_hex(8)
        self._links: list[ShardLink] = []
        self._health: HealthWatch | None = None

    def __serve_build_asgi_app__(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/health", self._picture),
                WebSocketRoute("/ws", _RawWebSocket(self)),
                guarded("/v1", self._api(), self._guard, self._config.server.cors_origins),
            ]
        )

    def _api(self) -> list[BaseRoute]:
        """What `/v1` answers, all of it behind the guard."""
        stages = ServeStages()
        return [
            *Transcriptions(self._config, stages).routes(),
            *SpeechApi(self._config, stages).routes(),
            *Models(lambda: self._watch().picture()["providers"]).routes(),
            *RealtimeApi(self._config, stages, self._guard, self._watch, self._place).routes(),
        ]

    def _watch(self) -> HealthWatch:
        self.start()
        assert self._health is not None
        return self._health

    def start(self) -> None:
        """Runs once in the replica's event loop, before its first request."""
        if self._health is None:
            self._health = HealthWatch(self._config, self._stages)
            tick_ms = self._config.buffer.tick_ms
            self._links = [ShardLink(self._name, pool.actor(name), tick_ms) for name in pool.shard_names(self._config)]

    def _place(self) -> ShardLink:
        """The shard with most room."""
        self.start()
        return min(self._links, key=lambda link: link.callers)

    async def converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = self._watch()
        async with AsyncExitStack() as place:
            try:
                await place.enter_async_context(self._guard.admit_conversation(scope))
                hello = native.read_query(dict(Request({**scope, "type": "http"}).query_params))
                language, flow = self._wishes(hello)
            except ParleyError as error:
                await refuse(native.refusal(error), policy(error), receive, accepting(scope, send))
                return
            link = self._place()
            caller = secrets.randbits(63)
            wire, terms = native.Native(hello, self._config), _terms(self._config, hello)
            connection = Connection(caller, wire, terms, link, receive, send)
            await receive()
            await accepting(scope, send)({"type": "websocket.accept"})
            connection.tell(_session(caller, hello, watch.answering()))
            manner = Manner(language, hello.out_rate, greets=self._config.conversation.greeting)
            link.open(Opening(caller, flow, manner), connection.take)
            await connection.run()

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

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(render(self._watch().picture(), flow_names(self._config.flows_dir)))

    async def _picture(self, request: Request) -> Response:
        """All of it for callers who may call; whether it is well for everybody, as load balancers have no key."""
        picture = self._watch().picture()
        try:
            self._guard.identify(request.scope)
        except ClientError as error:
            if error.code != "key_missing":
                return refusal(error)
            picture = {"status": picture["status"]}
        healthy = picture["status"] == "healthy"
        return JSONResponse(picture, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)


class _RawWebSocket:
    """Frames without a wrapping object each."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gateway.converse(scope, receive, send)


def _session(caller: int, hello: native.Hello, providers: dict[str, str]) -> SessionOpened:
    return SessionOpened(f"{caller:016x}", secrets.token_urlsafe(24), hello.rate, hello.out_rate, providers)


def _terms(config: Config, hello: native.Hello) -> Terms:
    """A caller on `/ws` speaks; nobody speaks faster than the clock, and replies come little ahead of it."""
    limits = config.server
    waiting_bytes = 2 * hello.out_rate * limits.max_downlink_ms // 1000
    return Terms(limits.max_message_bytes, limits.max_uplink_ms, patient=False, waiting_bytes=waiting_bytes, closing=policy)
