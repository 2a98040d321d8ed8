"""Keys at the door, over HTTP and WebSockets, as a client meets them."""

from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.guard import Guard, accepting, guarded, subprotocol
from pipeline import keys
from pipeline.config import Config
from pipeline.errors import ClientError
from pipeline.keys import ANYONE, Caller
from pipeline.loading import load_config

ANN, BOB = Caller("ann", 1, 2), Caller("bob", 50, 600)
ACCEPTED = f"{{name: ann, hash: '{keys.hash_of('a')}', conversations: 1, requests_per_minute: 2}}"


def config(*overrides: str) -> Config:
    mine = f"keys.accepted=[{ACCEPTED}]"
    return load_config(None, [mine, "server.host=0.0.0.0", *overrides], {"PARLEY_KEYS": f"bob:{keys.hash_of('b')}"})


def request(authorization: str | None = None) -> dict[str, Any]:
    return {"type": "http", "headers": [] if authorization is None else [(b"authorization", authorization.encode())]}


def socket(*offered: str, authorization: str | None = None) -> dict[str, Any]:
    return {**request(authorization), "type": "websocket", "subprotocols": list(offered)}


def code(guard: Guard, scope: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        guard.identify(scope)
    return caught.value.code


# Who it is


@pytest.mark.parametrize(
    ("scope", "caller"),
    [
        (request("Bearer a"), ANN),
        (request("bearer  b "), BOB),
        (socket(authorization="Bearer a"), ANN),
        (socket("parley", "parley-key.a"), ANN),
        (socket("realtime", "openai-insecure-api-key.b", "openai-beta.realtime-v1"), BOB),
        (socket("parley", "parley-key.b", authorization="Bearer a"), ANN),
    ],
)
def test_a_key_is_taken_from_the_header_or_a_subprotocol(scope: dict[str, Any], caller: Caller) -> None:
    assert Guard(config()).identify(scope) == caller


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (request(), "key_missing"),
        (request("Bearer"), "key_missing"),
        (request("Bearer "), "key_missing"),
        (request("Basic YTph"), "key_missing"),
        (request("a"), "key_missing"),
        ({**request(), "query_string": b"key=a&api_key=a&token=a"}, "key_missing"),
        ({**request(), "client": ("127.0.0.1", 5)}, "key_missing"),
        (socket("parley"), "key_missing"),
        (socket("parley-key."), "key_missing"),
        (request("Bearer c"), "key_invalid"),
        (request("Bearer a b"), "key_invalid"),
        (request(f"Bearer {keys.hash_of('a')}"), "key_invalid"),
        (socket("parley", "parley-key.c"), "key_invalid"),
    ],
)
def test_without_a_right_key_nobody_comes_in(scope: dict[str, Any], expected: str) -> None:
    assert code(Guard(config()), scope) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_on_loopback_no_key_is_needed_and_any_is_taken(host: str) -> None:
    guard = Guard(config(f"server.host={host}"))
    assert [guard.identify(request(shown)) for shown in (None, "Bearer dummy", "Bearer a")] == [ANYONE, ANYONE, ANN]


def test_on_loopback_a_key_may_be_asked_for() -> None:
    guard = Guard(config("server.host=127.0.0.1", "keys.required=always"))
    assert code(guard, request()) == "key_missing"


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8000", "http://localhost:5173", "http://[::1]:3000", "https://ours.example"]
)
def test_pages_of_this_machine_and_those_that_are_named_need_no_key_here(origin: str) -> None:
    guard = Guard(config("server.host=127.0.0.1", "server.cors_origins=['https://ours.example']"))
    scope = socket("realtime")
    assert guard.identify({**scope, "headers": [(b"origin", origin.encode())]}) == ANYONE


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://localhost.elsewhere.example", "null"])
def test_a_page_of_another_place_does_not_come_in_without_a_key(origin: str) -> None:
    guard = Guard(config("server.host=127.0.0.1"))
    assert code(guard, {**socket("realtime"), "headers": [(b"origin", origin.encode())]}) == "origin_forbidden"
    keyed = [(b"origin", origin.encode()), (b"authorization", b"Bearer a")]
    assert guard.identify({**socket("realtime"), "headers": keyed}) == ANN


def test_where_no_key_is_accepted_nobody_comes_in() -> None:
    guard = Guard(load_config(None, ["server.host=0.0.0.0"], {}))
    assert code(guard, request("Bearer a")) == "key_invalid"


def test_a_key_is_in_no_error() -> None:
    with pytest.raises(ClientError) as caught:
        Guard(config()).identify(request("Bearer hush-hush"))
    assert "hush-hush" not in str(caught.value)


# What they may


async def test_to_open_a_conversation_is_a_request() -> None:
    guard = Guard(config())
    for _ in range(2):
        async with guard.admit_conversation(socket("parley-key.a")) as caller:
            assert caller == ANN
    with pytest.raises(ClientError) as caught:
        await guard.admit_request(request("Bearer a"))
    assert (caught.value.code, caught.value.param) == ("rate_limit_exceeded", "requests")
    assert [limit.remaining for limit in guard.rate_limits(ANN)] == [0]
    assert guard.rate_limits(ANYONE) == ()


async def test_how_the_server_does_is_for_operators() -> None:
    guard = Guard(config("keys.operators=[ann]"))
    assert await guard.admit_operator(request("Bearer a")) == replace(ANN, operator=True)
    with pytest.raises(ClientError) as caught:
        await guard.admit_operator(request("Bearer b"))
    assert caught.value.code == "operator_needed"


async def test_on_loopback_everybody_is_an_operator() -> None:
    guard = Guard(config("server.host=127.0.0.1"))
    assert [await guard.admit_operator(request(shown)) for shown in (None, "Bearer b")] == [ANYONE, BOB]


async def test_a_conversation_holds_its_place_while_it_lasts() -> None:
    guard = Guard(config())
    async with guard.admit_conversation(socket("parley-key.a")):
        with pytest.raises(ClientError) as caught:
            await guard.admit_conversation(socket("parley-key.a")).__aenter__()
    assert (caught.value.code, caught.value.param) == ("rate_limit_exceeded", "conversations")


# REST


def client(settings: Config, **headers: str) -> httpx.AsyncClient:
    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [], "caller": request.scope["caller"].name})

    app = Starlette(routes=[guarded("/v1", [Route("/models", models)], Guard(settings), settings.server.cors_origins)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley", headers=headers)


async def test_a_route_behind_the_guard_knows_its_caller() -> None:
    async with client(config(), Authorization="Bearer b") as http:
        answer = await http.get("/v1/models")
    assert (answer.status_code, answer.json()["caller"]) == (200, "bob")


@pytest.mark.parametrize(("path", "status"), [("/v1/models", 401), ("/v1/nothing", 401)])
async def test_a_route_without_a_key_is_refused_and_says_how_to_come_in(path: str, status: int) -> None:
    async with client(config()) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (status, "Bearer")
    assert answer.json()["error"]["code"] == "key_missing"


async def test_the_openai_client_understands_refusals() -> None:
    async with client(config()) as http:
        sdk = openai.AsyncOpenAI(api_key="c", base_url="http://parley/v1", http_client=http, max_retries=0)
        with pytest.raises(openai.AuthenticationError) as wrong:
            await sdk.models.list()
        sdk = sdk.with_options(api_key="a")
        assert [(await sdk.models.list()).data for _ in range(2)] == [[], []]
        with pytest.raises(openai.RateLimitError) as limited:
            await sdk.models.list()
    assert (wrong.value.code, limited.value.code) == ("key_invalid", "rate_limit_exceeded")
    assert limited.value.response.headers["Retry-After"] == "30"


async def test_web_pages_may_ask_only_where_they_are_named() -> None:
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    allowed = config("server.cors_origins=['https://app.example']")
    async with client(allowed, **asks) as http:
        permission = await http.options("/v1/models", headers={"Access-Control-Request-Headers": "authorization"})
        refused = await http.get("/v1/models")
    assert (permission.status_code, permission.headers["Access-Control-Allow-Headers"]) == (200, "authorization")
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://app.example")
    async with client(allowed, Origin="https://other.example") as http:
        assert "Access-Control-Allow-Origin" not in (await http.get("/v1/models")).headers
    async with client(config(), **asks) as http:
        assert (await http.options("/v1/models")).status_code == 401


# Subprotocols


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (("parley", "parley-key.a"), "parley"),
        (("realtime", "openai-insecure-api-key.a"), "realtime"),
        (("parley-key.a",), None),
        ((), None),
    ],
)
async def test_the_answer_names_a_wire_and_never_a_key(offered: tuple[str, ...], expected: str | None) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = socket(*offered)
    assert subprotocol(scope) == expected
    await accepting(scope, send)({"type": "websocket.accept"})
    await accepting(scope, send)({"type": "websocket.close"})
    assert [message.get("subprotocol") for message in sent] == [expected, None]
