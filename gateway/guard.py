"""The door: who asks, and whether they may.

A key comes as `Authorization: Bearer KEY`, or, from a browser's WebSocket, which cannot set headers, among the subprotocols;
never in the address, which ends up in logs. The client's address decides nothing: it is the proxy's.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limits import Limits
from gateway.rest import refusal
from gateway.shared_limits import SharedLimits
from pipeline import keys
from pipeline.bucket import RateLimit
from pipeline.config import Config
from pipeline.errors import ClientError
from pipeline.keys import ANYONE, Caller

_SUBPROTOCOLS = {"realtime": "openai-insecure-api-key.", "parley": "parley-key."}
"""Of each wire: its name, and what stands before a key."""
_HERE = ("127.0.0.1", "::1", "localhost")
"""Where pages of this machine come from."""


class Guard:
    """Checks keys and their limits for one gateway replica."""

    def __init__(self, config: Config) -> None:
        self._keys = config.keys
        self._origins = config.server.cors_origins
        self.needs_keys = keys.needed(config.keys, config.server.host)
        shared = SharedLimits(config.keys) if config.keys.redis_url.get_secret_value() else None
        self._limits = Limits(shared)

    def identify(self, scope: Scope) -> Caller:
        """Raises `key_missing` or `key_invalid` where a key is needed. Elsewhere a key that we know still has its limits."""
        shown = _shown(scope)
        caller = keys.find(self._keys, shown) if shown else None
        if caller is not None:
            return caller
        if not self.needs_keys:
            self._check_origin(scope)
            return ANYONE
        if shown:
            raise ClientError("key_invalid", "this key is not accepted here; ask whoever runs this server for one")
        raise ClientError("key_missing", "a key is needed: send it as `Authorization: Bearer KEY`")

    def _check_origin(self, scope: Scope) -> None:
        """A page of some other place must not call a server that its reader runs for himself."""
        origin = Headers(scope=scope).get("origin", "")
        if origin and origin not in self._origins and urlsplit(origin).hostname not in _HERE:
            raise ClientError("origin_forbidden", f"pages of {origin[:100]} may not call here; server.cors_origins allows them")

    async def admit_request(self, scope: Scope) -> Caller:
        """Who makes a request; raises `ClientError` when they may not."""
        caller = self.identify(scope)
        await self._limits.take_request(caller)
        return caller

    async def admit_operator(self, scope: Scope) -> Caller:
        """Who asks how the server does; where keys are needed, an operator's is."""
        caller = await self.admit_request(scope)
        if self.needs_keys and not caller.operator:
            raise ClientError("operator_needed", "only an operator's key may see this; keys.operators names those keys")
        return caller

    @asynccontextmanager
    async def admit_conversation(self, scope: Scope) -> AsyncIterator[Caller]:
        """Who holds a conversation, while it lasts; raises `ClientError` when they may not. To open one is a request."""
        caller = await self.admit_request(scope)
        async with self._limits.conversation(caller):
            yield caller

    def rate_limits(self, caller: Caller) -> tuple[RateLimit, ...]:
        """What is left to a caller; nothing for one without limits."""
        return self._limits.view(caller)

    async def close(self) -> None:
        await self._limits.close()


def guarded(path: str, routes: Sequence[BaseRoute], guard: Guard, origins: Sequence[str] = ()) -> Mount:
    """Addresses that need a key where keys are needed; `scope["caller"]` says whose. A WebSocket among them asks for itself."""
    middleware = [Middleware(_Guarded, guard=guard)]
    if origins:
        # In front of the guard: a browser asks for permission without a key, and must be able to read a refusal.
        cors = Middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["Retry-After"]
        )
        middleware.insert(0, cors)
    return Mount(path, routes=routes, middleware=middleware)


class _Guarded:
    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope["caller"] = await self._guard.admit_request(scope)
            except ClientError as error:
                await refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def subprotocol(scope: Scope) -> str | None:
    """The subprotocol to answer with: a wire's name, never a key."""
    return next((name for name in scope["subprotocols"] if name in _SUBPROTOCOLS), None)


def accepting(scope: Scope, send: Send) -> Send:
    """Sends to a WebSocket, whose acceptance names the subprotocol: a browser that asked for one wants to hear of it."""
    chosen = subprotocol(scope)

    async def answer(message: Message) -> None:
        await send({**message, "subprotocol": chosen} if message["type"] == "websocket.accept" else message)

    return send if chosen is None else answer


def _shown(scope: Scope) -> str:
    scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    offered: list[str] = scope.get("subprotocols", [])
    marks = tuple(_SUBPROTOCOLS.values())
    return next((name.split(".", 1)[1] for name in offered if name.startswith(marks)), "")
