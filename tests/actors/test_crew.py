"""Requests to replicas that have called in, over real lines; where somebody waits, on a clock that jumps."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from actors import crew as crews
from actors.crew import Asked, Crew, Ended, Item, Joined, Leaving, Left
from actors.line import Line, dial
from pipeline.errors import ProviderError
from pipeline.figures import Report
from tests.fakes.fake_time import run_in_fake_time


class Replica:
    """The other end of a line, in the test's hands."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self._news = asyncio.Event()

    @classmethod
    async def joins(cls, crew: Crew, stage: str = "llm") -> "Replica":
        replica = cls()
        replica.line = await dial(await crew.address(), replica._take, lambda _: None)
        replica.line.send(Joined(stage))
        return replica

    line: Line

    def _take(self, _: Line, message: Any) -> None:
        self.heard.append(message)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def hears(self, count: int) -> list[Any]:
        await self.until(lambda: len(self.heard) >= count)
        return self.heard

    def says(self, *messages: Any) -> None:
        for message in messages:
            self.line.send(message)


async def pieces(answer: AsyncGenerator[Any, None]) -> list[Any]:
    return [piece async for piece in answer]


async def test_an_answer_comes_in_pieces() -> None:
    crew = Crew()
    replica = await Replica.joins(crew)
    task = asyncio.create_task(pieces(crew.ask("llm", "reply", "prompt", 0.5)))
    assert await replica.hears(1) == [Asked(1, "reply", ("prompt", 0.5))]
    replica.says(Item(1, "One."), Item(1, "Two."), Ended(1, None))
    assert await task == ["One.", "Two."]
    assert replica.heard == [Asked(1, "reply", ("prompt", 0.5))]


async def test_a_failure_comes_as_it_is() -> None:
    crew = Crew()
    replica = await Replica.joins(crew)
    task = asyncio.create_task(pieces(crew.ask("llm", "reply")))
    await replica.hears(1)
    replica.says(Item(1, "One."), Ended(1, ProviderError("provider_cut", "it was cut")))
    with pytest.raises(ProviderError, match="it was cut"):
        await task


async def test_the_rest_of_an_answer_can_be_left() -> None:
    crew = Crew()
    replica = await Replica.joins(crew)
    async with aclosing(crew.ask("llm", "reply")) as answer:
        first = asyncio.ensure_future(anext(answer))
        await replica.hears(1)
        replica.says(Item(1, "One."))
        assert await first == "One."
    assert (await replica.hears(2))[1:] == [Left(1)]
    # What was on its way meanwhile is for nobody.
    replica.says(Item(1, "Two."), Ended(1, None))
    task = asyncio.create_task(pieces(crew.ask("llm", "reply")))
    await replica.hears(3)
    replica.says(Ended(2, None))
    assert await task == []


async def test_who_has_the_fewest_requests_gets_the_next() -> None:
    crew = Crew()
    first, second, other = await Replica.joins(crew), await Replica.joins(crew), await Replica.joins(crew, "tts")
    tasks = [asyncio.create_task(pieces(crew.ask("llm", "reply", number))) for number in range(4)]
    await asyncio.gather(first.hears(2), second.hears(2))
    assert sorted(asked.arguments[0] for asked in (*first.heard, *second.heard)) == [0, 1, 2, 3]
    busy, free = first, second
    free.says(*(Ended(asked.number, None) for asked in free.heard))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks.append(asyncio.create_task(pieces(crew.ask("llm", "reply", 4))))
    assert (await free.hears(3))[2].arguments == (4,)
    assert (len(busy.heard), other.heard) == (2, [])
    for task in tasks:
        task.cancel()


async def test_a_lost_replica_ends_its_answers(caplog: pytest.LogCaptureFixture) -> None:
    crew = Crew()
    replica, other = await Replica.joins(crew), await Replica.joins(crew)
    tasks = [asyncio.create_task(pieces(crew.ask("llm", "reply", number))) for number in range(2)]
    await asyncio.gather(replica.hears(1), other.hears(1))
    with caplog.at_level(logging.WARNING, crews.log.name):
        replica.line.close()
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [ConnectionError]
    assert [record.message for record in caplog.records] == ["a replica of llm is lost with 1 requests"]
    other.says(Ended(other.heard[0].number, None))
    await asyncio.wait(tasks)
    again = asyncio.create_task(pieces(crew.ask("llm", "reply", 2)))
    assert (await other.hears(2))[1].arguments == (2,)
    again.cancel()


async def test_who_leaves_gets_no_new_requests_and_finishes_the_old() -> None:
    crew = Crew()
    leaving = await Replica.joins(crew)
    task = asyncio.create_task(pieces(crew.ask("llm", "reply")))
    await leaving.hears(1)
    leaving.says(Leaving(), Item(1, "One."))
    other = await Replica.joins(crew)
    new = asyncio.create_task(pieces(crew.ask("llm", "reply")))
    assert await other.hears(1) == [Asked(2, "reply", ())]
    leaving.says(Ended(1, None))
    assert await task == ["One."]
    assert len(leaving.heard) == 1
    new.cancel()


async def test_requests_wait_for_a_replica() -> None:
    crew = Crew()
    tasks = [asyncio.create_task(pieces(crew.ask("llm", "reply", number))) for number in range(2)]
    await asyncio.sleep(0)
    replica = await Replica.joins(crew)
    await replica.hears(2)
    replica.says(*(Ended(asked.number, None) for asked in replica.heard))
    assert await asyncio.gather(*tasks) == [[], []]


async def test_it_knows_how_those_stand_who_are_here() -> None:
    crew = Crew()
    replica = await Replica.joins(crew)
    task = asyncio.create_task(pieces(crew.ask("llm", "reply")))
    await replica.hears(1)
    old, new = (Report("llm", "llm-1", {"parley_things": {(): number}}) for number in (1, 2))
    replica.says(old, new, Ended(1, None))
    await task
    assert crew.reports() == [new]


def test_they_do_not_wait_for_ever() -> None:
    async def job() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await pieces(Crew().ask("llm", "reply"))
        return asyncio.get_running_loop().time() - began

    assert run_in_fake_time(job) == 5.0
