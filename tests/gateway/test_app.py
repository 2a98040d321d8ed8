"""The addresses of the gateway, where they meet the guard; the way to the shards and the health picture are stand-ins."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from actors.inbox import Opening
from gateway.app import Gateway
from gateway.calls import Call
from pipeline import keys
from pipeline.events import FromCaller
from pipeline.loading import load_config
from tests.gateway.ends import Socket

PICTURE = {"status": "healthy", "version": "1", "sessions": {"active": 1, "total": 2}, "providers": {}}


class Health:
    def picture(self) -> dict[str, Any]:
        return dict(PICTURE)

    async def look(self) -> dict[str, Any]:
        return self.picture()

    def answering(self) -> dict[str, str]:
        return {"asr": "sim"}


class Calls:
    def __init__(self) -> None:
        self.openings: list[Opening] = []

    def check_room(self) -> None:
        pass

    def open(self, call: Call, _: Any) -> None:
        self.openings.append(call.opening)

    def end(self, call: Call, last: FromCaller) -> None:
        pass


class Alone(Gateway):
    """One without a cluster around it."""

    def start(self) -> None:
        if self._calls is None:
            self._health, self._calls = Health(), Calls()  # type: ignore[assignment]


class Door:
    """A gateway that listens where others can reach it."""

    def __init__(self, *overrides: str) -> None:
        mine = f"keys.accepted=[{{name: ann, hash: '{keys.hash_of('a')}', conversations: 1}}]"
        gateway = Alone(load_config(None, [mine, "server.host=0.0.0.0", *overrides], {}))
        gateway.start()
        self.calls: Any = gateway._calls
        self.app = gateway.__serve_build_asgi_app__()

    async def get(self, path: str, key: str = "") -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://parley", headers=headers) as http:
            return await http.get(path)

    def call(self, socket: Socket, *offered: str, query: str = "") -> asyncio.Task[None]:
        scope = {
            "type": "websocket",
            "path": "/ws",
            "query_string": query.encode(),
            "headers": [],
            "subprotocols": list(offered),
        }
        socket.incoming.put_nowait({"type": "websocket.connect"})
        return asyncio.create_task(self.app(scope, socket.receive, socket.send))


def sent(socket: Socket) -> list[Any]:
    messages = [socket.outgoing.get_nowait() for _ in range(socket.outgoing.qsize())]
    return [json.loads(message["text"]) if "text" in message else message for message in messages]


# HTTP


@pytest.mark.parametrize(
    ("key", "status", "answer"),
    [("", 200, {"status": "healthy"}), ("a", 200, PICTURE), ("c", 401, None)],
)
async def test_health_tells_strangers_only_whether_it_is_well(key: str, status: int, answer: dict[str, Any] | None) -> None:
    response = await Door().get("/health", key)
    assert response.status_code == status
    assert response.json() == answer or response.json()["error"]["code"] == "key_invalid"


async def test_on_loopback_health_tells_everything() -> None:
    assert (await Door("server.host=127.0.0.1").get("/health")).json() == PICTURE


async def test_health_is_not_counted() -> None:
    door = Door("keys.requests_per_minute=1")
    assert [(await door.get("/health", "a")).status_code for _ in range(3)] == [200, 200, 200]


async def test_the_page_is_open_and_the_api_is_not() -> None:
    door = Door()
    assert [(await door.get(path)).status_code for path in ("/", "/v1/models")] == [200, 401]


# WebSockets


@pytest.mark.parametrize(
    ("offered", "query", "code"),
    [
        ((), "", "key_missing"),
        (("parley", "parley-key.c"), "", "key_invalid"),
        ((), "key=a&parley-key=a", "key_missing"),
        (("parley", "parley-key.a"), "rate=1", "rate_unsupported"),
    ],
)
async def test_who_may_not_come_in_is_told_why(offered: tuple[str, ...], query: str, code: str) -> None:
    door, socket = Door(), Socket()
    await door.call(socket, *offered, query=query)
    accept, error, close = sent(socket)
    assert (accept["type"], accept.get("subprotocol")) == ("websocket.accept", "parley" if offered else None)
    assert (error["type"], error["code"], error["fault"]) == ("error", code, "client")
    assert close == {"type": "websocket.close", "code": 1008, "reason": code}
    assert door.calls.openings == []


async def test_a_conversation_is_opened_with_a_key_and_leaves_its_place() -> None:
    door, first, second = Door(), Socket(), Socket()
    talking = door.call(first, "parley", "parley-key.a")
    assert await first.outgoing.get() == {"type": "websocket.accept", "subprotocol": "parley"}
    assert (await first.next())["type"] == "session"
    await door.call(second, "parley", "parley-key.a")
    assert sent(second)[-1]["reason"] == "rate_limit_exceeded"
    first.leave()
    await talking
    third = Socket()
    talking = door.call(third, "parley", "parley-key.a")
    assert await third.outgoing.get() == {"type": "websocket.accept", "subprotocol": "parley"}
    third.leave()
    await talking
    assert len(door.calls.openings) == 2


async def test_on_loopback_a_conversation_needs_no_key() -> None:
    door, socket = Door("server.host=127.0.0.1"), Socket()
    talking = door.call(socket)
    assert await socket.outgoing.get() == {"type": "websocket.accept"}
    socket.leave()
    await talking
