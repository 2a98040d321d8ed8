"""Both ends of a line, over real sockets; where somebody waits, on a clock that jumps."""

import asyncio
import hmac
import logging
import pickle
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import ray

from actors import line as lines
from actors.line import Address, Line, Switchboard, dial
from tests.fakes.fake_time import run_in_fake_time


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


class End:
    """What one end of a line hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.lines: list[Line] = []
        self.lost: list[Line] = []
        self._news = asyncio.Event()

    def take(self, line: Line, message: Any) -> None:
        self.heard.append(message)
        if line not in self.lines:
            self.lines.append(line)
        self._news.set()

    def lose(self, line: Line) -> None:
        self.lost.append(line)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def hears(self, count: int) -> list[Any]:
        await self.until(lambda: len(self.heard) >= count)
        return self.heard


class Stranger:
    """Somebody who speaks on a socket without the code of a line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, payload: bytes) -> None:
        self.writer.write(frame(payload))

    async def read(self) -> bytes:
        return await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(4), "big"))

    async def prove(self, secret: bytes, *, calls: bool) -> None:
        challenge = await self.read()
        self.write(bytes(32))
        self.write(hmac.digest(secret, bytes([calls]) + challenge, "sha256"))
        await self.read()

    async def cut_off(self) -> bool:
        """Whether the other end closes; what it says before does not matter."""
        try:
            async with asyncio.timeout(60):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def stranger(address: Address) -> AsyncIterator[Stranger]:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield Stranger(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def strange_server(play: Callable[[Stranger], Any]) -> AsyncIterator[Address]:
    """Where somebody answers who is no switchboard."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(Stranger(reader, writer))
            await asyncio.Event().wait()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1], b"the secret")
    finally:
        server.close()


async def pair() -> tuple[Line, End, End]:
    """A line, the end that dialled, and the end that was called and has heard 'hello'."""
    here, there = End(), End()
    line = await dial(await Switchboard(there.take, there.lose).address(), here.take, here.lose)
    line.send("hello")
    await there.hears(1)
    return line, here, there


def unpickled(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Everything that anybody unpickles from now on."""
    seen: list[bytes] = []
    loads = pickle.loads

    def watched(data: bytes) -> Any:
        seen.append(bytes(data))
        return loads(data)

    monkeypatch.setattr(pickle, "loads", watched)
    return seen


# Messages


async def test_messages_come_in_order_both_ways() -> None:
    line, here, there = await pair()
    for number in range(100):
        line.send(("there", number))
        there.lines[0].send(("here", number))
    assert await there.hears(101) == ["hello", *(("there", number) for number in range(100))]
    assert await here.hears(100) == [("here", number) for number in range(100)]


async def test_long_messages_come_whole() -> None:
    line, here, there = await pair()
    long = [bytes([number]) * 5_000_000 for number in range(3)]
    for message in long:
        line.send(message)
        there.lines[0].send(message)
    line.send("then")
    assert await there.hears(5) == ["hello", *long, "then"]
    assert await here.hears(3) == long


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
async def test_it_does_not_matter_how_messages_are_cut_into_packets(size: int) -> None:
    there = End()
    address = await Switchboard(there.take, there.lose).address()
    async with stranger(address) as caller:
        await caller.prove(address.secret, calls=True)
        messages = ["", "a", b"", ["b" * 300], 7]
        frames = b"".join(map(frame, (b"", *map(pickle.dumps, messages))))
        for start in range(0, len(frames), size):
            caller.writer.write(frames[start : start + size])
            await caller.writer.drain()
            await asyncio.sleep(0)
        assert await there.hears(5) == messages


async def test_a_mistake_with_a_message_costs_that_message_only_and_is_no_gossip(caplog: pytest.LogCaptureFixture) -> None:
    def take(line: Line, message: int | str) -> None:
        there.take(line, int(message))

    there, here = End(), End()
    line = await dial(await Switchboard(take, there.lose).address(), here.take, here.lose)
    with caplog.at_level(logging.ERROR):
        for message in (1, "what somebody said", 2):
            line.send(message)
        assert await there.hears(2) == [1, 2]
    assert (there.lost, here.lost) == ([], [])
    assert "ValueError" in caplog.text
    assert "somebody said" not in caplog.text


# Who is heard


def _guess(secret: bytes) -> bytes:
    return bytes(32)


def _show(secret: bytes) -> bytes:
    return secret


def _reflect(secret: bytes) -> bytes:
    """The proof of the end that is called."""
    return hmac.digest(secret, bytes([False]) + bytes(32), "sha256")


@pytest.mark.parametrize("proof", [_guess, _show, _reflect])
async def test_who_does_not_know_the_secret_is_not_heard(
    proof: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = unpickled(monkeypatch)
    there = End()
    address = await Switchboard(there.take, there.lose).address()
    async with stranger(address) as caller:
        caller.write(bytes(32))
        caller.write(proof(address.secret))
        caller.write(pickle.dumps("hello"))
        assert await caller.cut_off()
    line = await dial(address, there.take, there.lose)
    line.send("a friend")
    assert await there.hears(1) == ["a friend"]
    assert seen == [pickle.dumps("a friend", protocol=5)]
    assert there.lost == []


async def test_nobody_proves_anything_with_the_challenge_that_he_got(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = unpickled(monkeypatch)
    there = End()
    async with stranger(await Switchboard(there.take, there.lose).address()) as caller:
        caller.write(await caller.read())
        caller.write(await caller.read())
        caller.write(pickle.dumps("hello"))
        assert await caller.cut_off()
    assert (seen, there.heard) == ([], [])


@pytest.mark.parametrize(
    "first",
    [frame(pickle.dumps("hello")), frame(bytes(33)), frame(b""), (50_000_000).to_bytes(4, "big")],
    ids=["a message", "too long", "a sign of life", "as if much would come"],
)
def test_a_first_message_that_is_no_challenge_ends_the_line_at_once(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def job() -> float:
        there = End()
        async with stranger(await Switchboard(there.take, there.lose).address()) as caller:
            began = asyncio.get_running_loop().time()
            caller.writer.write(first)
            assert await caller.cut_off()
            assert (seen, there.heard) == ([], [])
            return asyncio.get_running_loop().time() - began

    seen = unpickled(monkeypatch)
    assert run_in_fake_time(job) == 0


async def test_a_message_longer_than_any_ends_the_line() -> None:
    there = End()
    address = await Switchboard(there.take, there.lose).address()
    async with stranger(address) as caller:
        await caller.prove(address.secret, calls=True)
        caller.writer.write((2**32 - 1).to_bytes(4, "big"))
        assert await caller.cut_off()
    assert (there.heard, len(there.lost)) == ([], 1)


def test_who_says_nothing_is_cut_off_however_slowly() -> None:
    async def job(drips: bool) -> tuple[bool, float]:
        there = End()
        loop = asyncio.get_running_loop()
        async with stranger(await Switchboard(there.take, there.lose).address()) as caller:
            began = loop.time()

            async def drip() -> None:
                caller.writer.write((32).to_bytes(4, "big"))
                while True:
                    caller.writer.write(b"\0")
                    await asyncio.sleep(0.3)

            dripping = asyncio.create_task(drip() if drips else asyncio.sleep(60))
            cut_off = await caller.cut_off()
            dripping.cancel()
            assert (there.heard, there.lost) == ([], [])
            return cut_off, loop.time() - began

    for drips in (False, True):
        assert run_in_fake_time(lambda drips=drips: job(drips)) == (True, lines._PATIENCE_S)


# Who is dialled


async def test_an_impostor_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lie(caller: Stranger) -> None:
        caller.write(bytes(32))
        caller.write(bytes(32))
        caller.write(pickle.dumps("hello"))

    seen = unpickled(monkeypatch)
    here = End()
    async with strange_server(lie) as address:
        with pytest.raises(ConnectionError, match="did not prove"):
            await dial(address, here.take, here.lose)
    assert (seen, here.heard, here.lost) == ([], [], [])


def test_who_never_answers_is_waited_for_as_long_as_patience_lasts() -> None:
    async def job() -> float:
        async def freeze(caller: Stranger) -> None:
            await asyncio.Event().wait()

        here = End()
        async with strange_server(freeze) as address:
            began = asyncio.get_running_loop().time()
            with pytest.raises(OSError):  # noqa: PT011
                await dial(address, here.take, here.lose)
            assert here.lost == []
            return asyncio.get_running_loop().time() - began

    assert run_in_fake_time(job) == lines._PATIENCE_S


async def test_nobody_there_is_told_at_once() -> None:
    here = End()
    async with strange_server(lambda caller: asyncio.sleep(0)) as address:
        pass
    with pytest.raises(ConnectionError):
        await dial(address, here.take, here.lose)
    assert here.lost == []


# Ends


async def test_both_ends_hear_once_that_a_line_is_closed() -> None:
    line, here, there = await pair()
    line.close()
    line.close()
    await there.until(lambda: there.lost)
    await here.until(lambda: here.lost)
    await asyncio.sleep(0)
    assert (here.lost, there.lost) == ([line], there.lines)
    assert not line.open
    assert not there.lines[0].open


async def test_what_is_sent_on_a_dead_line_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    line, here, there = await pair()
    there.lines[0].close()
    line.send("on its way")
    await here.until(lambda: here.lost)
    for end in (line, there.lines[0]):
        for _ in range(20):
            end.send("too late")
    assert await there.hears(1) == ["hello"]
    assert caplog.records == []


async def test_a_closed_end_takes_nothing_more_of_what_had_come(caplog: pytest.LogCaptureFixture) -> None:
    def take(line: Line, message: str) -> None:
        heard.append(message)
        line.close()

    heard: list[str] = []
    there = End()
    address = await Switchboard(take, there.lose).address()
    async with stranger(address) as caller:
        await caller.prove(address.secret, calls=True)
        caller.writer.write(frame(pickle.dumps("one")) + frame(bytes(32)))
        assert await caller.cut_off()
    assert heard == ["one"]
    assert caplog.records == []


def test_an_end_that_falls_silent_is_lost() -> None:
    async def job() -> float:
        async def freeze(caller: Stranger) -> None:
            await caller.prove(b"the secret", calls=False)

        here = End()
        async with strange_server(freeze) as address:
            line = await dial(address, here.take, here.lose)
            began = asyncio.get_running_loop().time()
            await here.until(lambda: here.lost)
            assert here.lost == [line]
            return asyncio.get_running_loop().time() - began

    assert lines._PATIENCE_S <= run_in_fake_time(job) <= lines._PATIENCE_S + lines._SIGN_S


def test_ends_that_have_nothing_to_say_stay_open() -> None:
    async def job() -> None:
        line, here, there = await pair()
        await asyncio.sleep(600)
        assert (here.lost, there.lost) == ([], [])
        line.send("still there")
        assert await there.hears(2) == ["hello", "still there"]

    run_in_fake_time(job)


def test_an_end_that_stalls_does_not_take_the_other_for_silent() -> None:
    async def job() -> None:
        _, here, there = await pair()
        loop: Any = asyncio.get_running_loop()
        for _ in range(5):
            await asyncio.sleep(1)
            loop.now += 10
        await asyncio.sleep(5)
        assert (here.lost, there.lost) == ([], [])

    run_in_fake_time(job)


class SlowReader:
    """Knows the secret and gives signs of life, but reads only when it is let."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.read = 0

    async def play(self, caller: Stranger) -> None:
        await caller.prove(b"the secret", calls=False)
        reading = asyncio.create_task(self._read(caller))
        while True:
            caller.write(b"")
            await asyncio.sleep(lines._SIGN_S)
            if reading.done():
                return

    async def _read(self, caller: Stranger) -> None:
        await self.may_read.wait()
        while data := await caller.reader.read(1_000_000):
            self.read += len(data)


def test_who_does_not_read_what_he_is_sent_is_lost() -> None:
    async def job(size: int) -> tuple[bool, int]:
        here = End()
        async with strange_server(SlowReader().play) as address:
            line = await dial(address, here.take, here.lose)
            line.send(bytes(size))
            await asyncio.sleep(lines._SLOW_S + 1)
            return line.open, len(here.lost)

    assert run_in_fake_time(lambda: job(lines._MOST_WAITING // 2)) == (True, 0)
    assert run_in_fake_time(lambda: job(2 * lines._MOST_WAITING)) == (False, 1)


def test_who_reads_more_than_may_wait_in_time_is_kept() -> None:
    async def job() -> int:
        here, slow = End(), SlowReader()
        async with strange_server(slow.play) as address:
            line = await dial(address, here.take, here.lose)
            line.send(bytes(3 * lines._MOST_WAITING))
            await asyncio.sleep(lines._SLOW_S - 1)
            slow.may_read.set()
            await asyncio.sleep(30)
            assert (line.open, here.lost) == (True, [])
            return slow.read

    assert run_in_fake_time(job) > 3 * lines._MOST_WAITING


# Where an actor is called


async def test_all_who_ask_are_told_the_same() -> None:
    there = End()
    board = Switchboard(there.take, there.lose)
    first, second = await asyncio.gather(board.address(), board.address())
    assert first == second == await board.address()
    assert first.host == "127.0.0.1"


async def test_each_has_a_secret_of_its_own() -> None:
    there, here = End(), End()
    one, other = [await Switchboard(there.take, there.lose).address() for _ in range(2)]
    assert len(one.secret) == 32
    with pytest.raises(ConnectionError):
        await dial(one._replace(secret=other.secret), here.take, here.lose)


def _hosts() -> list[str]:
    """Loopback addresses that this machine has."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return ["127.0.0.2", "::1"]
    except OSError:
        return ["127.0.0.2"]


@pytest.mark.parametrize("host", _hosts())
async def test_in_a_cluster_it_is_called_where_its_node_is(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: host)
    line, _, there = await pair()
    assert line.open
    assert there.heard == ["hello"]
