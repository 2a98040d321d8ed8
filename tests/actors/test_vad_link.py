"""The way to VAD actors that the test plays, over real lines and on a clock that jumps."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError

from actors import vad_link
from actors.line import Address, Line, Switchboard
from actors.vad_link import VadLink
from tests.fakes.fake_time import run_in_fake_time


class Vad:
    """Answers with its name, unless it is told to be silent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[bytes, bytes, bytes]] = []
        self.silent = self.unknown = self.restarting = False
        self.lines: list[Line] = []
        self.dialled = self.number = 0
        self._news = asyncio.Event()
        self._switchboard = Switchboard(self._take, self._lost)
        self.address = SimpleNamespace(remote=self._address)

    def _lost(self, line: Line) -> None:
        self.lines = [other for other in self.lines if other is not line]

    async def _address(self) -> Address:
        self.dialled += 1
        if self.restarting:
            raise ActorUnavailableError("it is being started again", b"")
        return await self._switchboard.address()

    def _take(self, line: Line, message: tuple[int, bytes, bytes, bytes]) -> None:
        if line not in self.lines:
            self.lines.append(line)
        self.number, ids, windows, gone = message
        self.asked.append((ids, windows, gone))
        self._news.set()
        if not self.silent:
            line.send((self.number, self.name.encode()))

    async def hears(self, count: int) -> None:
        while len(self.asked) < count:
            self._news.clear()
            await self._news.wait()

    def die(self) -> None:
        """As an actor that Ray starts again."""
        self.restarting = True
        for line in self.lines:
            line.close()


class Vads(dict[str, Vad]):
    def __init__(self, *names: str) -> None:
        super().__init__({name: Vad(name) for name in names})

    def actor(self, name: str) -> Vad:
        if self[name].unknown:
            raise ValueError(f"there is no actor {name}")
        return self[name]

    def link(self) -> VadLink:
        return VadLink(list(self), self.actor)


async def ask(link: VadLink) -> bytes:
    return await link.detect(b"ids", b"windows", b"gone")


def in_fake_time(job: Callable[..., Any], *names: str) -> Any:
    return run_in_fake_time(lambda: job(Vads(*names)))


def test_its_own_actor_is_asked_over_one_line() -> None:
    async def job(vads: Vads) -> None:
        link = vads.link()
        assert [await ask(link) for _ in range(3)] == [b"a", b"a", b"a"]
        assert vads["a"].asked == [(b"ids", b"windows", b"gone")] * 3
        assert (vads["a"].dialled, vads["b"].dialled) == (1, 0)

    in_fake_time(job, "a", "b")


def test_an_actor_that_dies_is_asked_again_once_it_is_back() -> None:
    async def job(vads: Vads) -> None:
        link = vads.link()
        await ask(link)
        vads["a"].die()
        with pytest.raises(ConnectionError):
            await ask(link)
        vads["a"].restarting = False
        assert await ask(link) == b"a"

    in_fake_time(job, "a")


def test_an_actor_that_dies_over_a_question_fails_it_at_once() -> None:
    async def job(vads: Vads) -> float:
        link, own = vads.link(), vads["a"]
        await ask(link)
        own.silent = True
        asking = asyncio.create_task(ask(link))
        await own.hears(2)
        began = asyncio.get_running_loop().time()
        own.die()
        with pytest.raises(ConnectionError):
            await asking
        return asyncio.get_running_loop().time() - began

    assert in_fake_time(job, "a") == 0


def test_while_its_own_is_gone_the_next_one_is_asked_at_once() -> None:
    async def job(vads: Vads) -> float:
        link = vads.link()
        await ask(link)
        began = asyncio.get_running_loop().time()
        vads["a"].die()
        assert await ask(link) == b"b"
        vads["b"].die()
        assert await ask(link) == b"c"
        return asyncio.get_running_loop().time() - began

    assert in_fake_time(job, "a", "b", "c") == 0


def test_the_question_that_was_lost_is_what_the_next_one_answers() -> None:
    async def job(vads: Vads) -> None:
        link = vads.link()
        vads["a"].silent = True
        asking = asyncio.create_task(ask(link))
        await vads["a"].hears(1)
        vads["a"].die()
        assert await asking == b"b"
        assert vads["b"].asked == [(b"ids", b"windows", b"gone")]

    in_fake_time(job, "a", "b")


@pytest.mark.parametrize("how", ["unknown", "restarting"])
def test_an_actor_that_ray_does_not_reach_is_passed_over(how: str) -> None:
    async def job(vads: Vads) -> None:
        setattr(vads["a"], how, True)
        assert await ask(vads.link()) == b"b"

    in_fake_time(job, "a", "b")


def test_an_actor_that_does_not_answer_is_passed_over_when_patience_ends() -> None:
    async def job(vads: Vads) -> float:
        vads["a"].silent = True
        began = asyncio.get_running_loop().time()
        assert await ask(vads.link()) == b"b"
        return asyncio.get_running_loop().time() - began

    assert in_fake_time(job, "a", "b") == pytest.approx(vad_link._ANSWER_S)


def test_nobody_is_there() -> None:
    async def job(vads: Vads) -> None:
        for vad in vads.values():
            vad.restarting = True
        with pytest.raises(ConnectionError, match="nobody detects"):
            await ask(vads.link())

    in_fake_time(job, "a", "b")


def test_its_own_actor_is_asked_again_when_it_is_back() -> None:
    async def job(vads: Vads) -> None:
        link, own = vads.link(), vads["a"]
        await ask(link)
        own.die()
        assert await ask(link) == b"b"
        await asyncio.sleep(10)
        assert await ask(link) == b"b"
        own.restarting = False
        await asyncio.sleep(2 * vad_link._RETURN_S)
        assert await ask(link) == b"a"
        await asyncio.sleep(10)
        assert vads["b"].lines == []
        own.die()
        assert await ask(link) == b"b"
        own.restarting = False
        await asyncio.sleep(2 * vad_link._RETURN_S)
        assert await ask(link) == b"a"

    in_fake_time(job, "a", "b")


def test_a_question_under_way_is_answered_though_its_own_actor_comes_back() -> None:
    async def job(vads: Vads) -> None:
        link, own, other = vads.link(), vads["a"], vads["b"]
        await ask(link)
        own.die()
        other.silent = True
        asking = asyncio.create_task(ask(link))
        await other.hears(1)
        own.restarting = False
        await asyncio.sleep(1.5 * vad_link._RETURN_S)
        other.lines[0].send((1, b"the answer to another question"))
        other.lines[0].send((other.number, b"late"))
        assert await asking == b"late"
        assert await ask(link) == b"a"

    in_fake_time(job, "a", "b")
