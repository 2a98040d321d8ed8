"""Callers and a small server that breaks off."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

from bench.frames import frame
from bench.hearing import Fault
from bench.reconnecting import TRIES, ReconnectingCaller

Handle = Callable[[ServerConnection], Awaitable[None]]
TOKEN = "00000000000000aa.secret-secret-secret"


class Host:
    """Takes each connection as the next of `plans` wants."""

    def __init__(self, *plans: Handle) -> None:
        self.plans = list(plans)
        self.resumes: list[str] = []
        """What each connection wanted to go on with."""
        self.heard: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.port = 0

    async def take(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.resumes.append(parse_qs(urlsplit(socket.request.path).query).get("resume", [""])[0])
        await self.plans.pop(0)(socket)

    async def hear_on(self, socket: ServerConnection) -> None:
        """Holds a conversation until the caller goes."""
        await socket.send(session())
        async for message in socket:
            self.heard.put_nowait(message)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        async with serve(self.take, "127.0.0.1", 0, ping_interval=None) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield f"http://127.0.0.1:{self.port}"


def session(token: str = TOKEN) -> str:
    return json.dumps({"type": "session", "resume": token})


def told(kind: str, turn: int, **more: int) -> str:
    return json.dumps({"type": kind, "turn": turn, **more})


async def break_off(socket: ServerConnection) -> None:
    await socket.send(session())
    socket.transport.abort()


async def refuse(socket: ServerConnection) -> None:
    await socket.send(json.dumps({"type": "error", "code": "resume_unknown"}))


async def has_no_room(socket: ServerConnection) -> None:
    await socket.send(json.dumps({"type": "error", "code": "server_busy", "retry_after_s": 0.01}))


async def test_a_caller_waits_until_there_is_room() -> None:
    host = Host()
    host.plans = [has_no_room, has_no_room, host.hear_on]
    async with host.running() as url:
        caller = ReconnectingCaller(url)
        await caller.open()
        caller.close()
    assert host.resumes == ["", "", ""]


async def test_a_caller_comes_back_to_the_conversation() -> None:
    host = Host()
    host.plans = [break_off, host.hear_on]
    async with host.running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        await back(caller)
        caller.leave()
        assert await host.heard.get() == '{"type":"bye"}'
        caller.close()
    assert host.resumes == ["", TOKEN]
    (only,) = caller.returns
    assert (only.tries, only.resumed, caller.gave_up) == (1, True, 0)


async def test_what_it_said_meanwhile_is_sent_when_it_is_back() -> None:
    host, may_answer = Host(), asyncio.Event()

    async def answer_late(socket: ServerConnection) -> None:
        await may_answer.wait()
        await host.hear_on(socket)

    host.plans = [break_off, answer_late]
    async with host.running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        await until(lambda: not caller.connected)
        for number in range(3):
            caller.send(frame(bytes([number, 0])))
        may_answer.set()
        assert [await host.heard.get() for _ in range(3)] == [b"\0\0", b"\1\0", b"\2\0"]
        caller.close()


async def test_who_is_not_known_any_more_begins_anew() -> None:
    host = Host()
    host.plans = [break_off, refuse, host.hear_on]
    async with host.running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        await back(caller)
        caller.close()
    assert host.resumes == ["", TOKEN, ""]
    assert (caller.gave_up, caller.returns[0].tries, caller.returns[0].resumed) == (1, 2, False)
    assert caller.errors == {"resume_unknown": 1}


async def test_after_five_tries_the_conversation_is_given_up() -> None:
    host = Host()
    host.plans = [break_off, *[close] * TRIES, host.hear_on]
    async with host.running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        await back(caller)
        caller.close()
    assert host.resumes == ["", *[TOKEN] * TRIES, ""]
    assert caller.gave_up == 1


async def test_a_reply_that_goes_on_is_whole() -> None:
    sent = asyncio.Event()

    async def half(socket: ServerConnection) -> None:
        await socket.send(session())
        await socket.recv()
        await socket.send(told("audio_started", 1))
        await socket.send(bytes(48_000))
        # What was written leaves before the connection ends.
        await socket.close()

    async def rest(socket: ServerConnection) -> None:
        await socket.send(session())
        await socket.send(told("resumed", 1, at_ms=600))
        await socket.send(bytes(48 * 1400))
        await socket.send(told("audio_done", 1, ms=2000))
        sent.set()
        await socket.wait_closed()

    async with Host(half, rest).running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        caller.hearing.asks(0.0)
        caller.hearing.asked(1.0)
        caller.send(frame(b"\0\0"))
        await sent.wait()
        (question,) = caller.hearing.questions
        await until(lambda: question.over_at is not None)
        caller.close()
    assert question.faults(96_000) == frozenset()
    assert question.faults(95_000) == {Fault.DOUBLED, Fault.WRONG_LENGTH}


async def test_who_leaves_does_not_come_back() -> None:
    host = Host()
    host.plans = [host.hear_on]
    async with host.running() as url:
        caller = ReconnectingCaller(url, again_s=0.01)
        await caller.open()
        caller.leave()
        assert await host.heard.get() == '{"type":"bye"}'
        caller.close()
    assert (host.resumes, caller.returns) == ([""], [])


async def close(socket: ServerConnection) -> None:
    await socket.close(1013)


async def back(caller: ReconnectingCaller) -> None:
    await until(lambda: bool(caller.returns))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)
