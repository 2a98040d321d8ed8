"""A replica's duty, over real lines to a real crew."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from actors import duty as duties
from actors.crew import Crew
from actors.duty import Duty, Replica
from actors.line import Address
from actors.scaling import WORK
from actors.stages import FarStages
from pipeline.errors import ProviderError, ServerError
from pipeline.ports import Phrase, Voice
from tests.actors.shards import config


class Work:
    """Answers of a stage that go on as the test lets them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.most = self.now = self.left = 0

    async def answer(self, what: str, arguments: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.set()
        try:
            if what == "fail":
                raise arguments[0]
            yield (what, *arguments)
            await self.go_on.wait()
            yield "the end"
        except asyncio.CancelledError:
            self.left += 1
            raise
        finally:
            self.now -= 1


def on_duty(work: Work, *crews: Crew, most: int = 8) -> Duty:
    duty = Duty("llm", work.answer, most)
    duty.begin([crew.address for crew in crews])
    return duty


async def whole(crew: Crew, what: str, *arguments: Any) -> list[Any]:
    async with asyncio.timeout(5):
        return [piece async for piece in crew.ask("llm", what, *arguments)]


async def until(condition: Callable[[], bool]) -> None:
    """Lets what is on the lines arrive."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (the other end of a line brings it about)
            await asyncio.sleep(0)


async def test_it_works_for_every_shard() -> None:
    work, one, other = Work(), Crew(), Crew()
    work.go_on.set()
    on_duty(work, one, other)
    assert await whole(one, "reply", 1) == [("reply", 1), "the end"]
    assert await whole(other, "reply", 2) == [("reply", 2), "the end"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderError("provider_cut", "it was cut"), ("provider_cut", "it was cut")),
        (ValueError("private"), ("stage_failed", "a stage of this server failed (ValueError)")),
    ],
)
async def test_a_failure_is_told_as_one_of_ours(error: Exception, expected: tuple[str, str]) -> None:
    crew = Crew()
    duty = on_duty(Work(), crew)
    with pytest.raises((ProviderError, ServerError)) as failure:
        await whole(crew, "fail", error)
    assert (failure.value.code, failure.value.message) == expected
    await until(lambda: duty.work == 0)


async def test_nobody_works_for_who_has_left() -> None:
    work, crew = Work(), Crew()
    duty = on_duty(work, crew)
    async with aclosing(crew.ask("llm", "reply")) as answer:
        assert await anext(answer) == ("reply",)
        assert duty.work == 1
    await until(lambda: duty.work == 0)
    assert work.left == 1


async def test_more_than_it_may_do_waits() -> None:
    work, crew = Work(), Crew()
    duty = on_duty(work, crew, most=2)
    tasks = [asyncio.create_task(whole(crew, "reply", number)) for number in range(5)]
    await until(lambda: (duty.work, work.now) == (5, 2))
    work.go_on.set()
    assert await asyncio.gather(*tasks) == [[("reply", number), "the end"] for number in range(5)]
    assert work.most == 2


async def test_a_shard_that_comes_back_is_called_again() -> None:
    work, first = Work(), Crew()
    crews = [first]

    async def address() -> Address:
        return await crews[-1].address()

    duty = Duty("llm", work.answer, 8)
    duty.begin([address])
    task = asyncio.create_task(whole(first, "reply"))
    await work.begun.wait()
    crews.append(Crew())
    for line in list(first._members):
        line.close()
    with pytest.raises(ConnectionError):
        await task
    work.go_on.set()
    assert await whole(crews[-1], "reply") == [("reply",), "the end"]
    assert work.left == 1


async def test_a_shard_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "_AGAIN_S", 0.0)
    work, crew = Work(), Crew()
    work.go_on.set()
    tries = 0

    async def address() -> Address:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError
        return await crew.address()

    Duty("llm", work.answer, 8).begin([address])
    assert await whole(crew, "reply") == [("reply",), "the end"]
    assert tries == 3


async def test_its_end_waits_for_what_is_under_way() -> None:
    work, crew = Work(), Crew()
    duty = on_duty(work, crew)
    task = asyncio.create_task(whole(crew, "reply"))
    await work.begun.wait()
    end = asyncio.create_task(duty.end())
    await until(lambda: all(member.leaving for member in crew._members.values()))
    assert not end.done()
    late = asyncio.create_task(whole(crew, "too late"))
    work.go_on.set()
    await asyncio.wait_for(end, 5)
    assert await task == [("reply",), "the end"]
    on_duty(work, crew)
    assert await late == [("too late",), "the end"]


async def test_a_replica_does_it_for_shards_and_for_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Crew()

    class Shard:
        def remote(self) -> Any:
            return crew.address()

    class Handle:
        crew = Shard()

    monkeypatch.setattr(duties, "actor", lambda _: Handle())
    from actors.tts import TTS

    replica: Any = Replica.__new__(Replica)
    made = Replica.__init__(replica, "tts", TTS, config())
    assert inspect.isawaitable(made)
    await made
    voices = (Voice("tone", "", "a tone of 440 Hz, for measurements"),)
    assert [piece async for piece in replica.answer("voices")] == [voices]
    stages = FarStages(crew)
    pcm = b"".join([pcm async for _, pcm, _, _ in stages.speak(Phrase("Good morning.", "en"), 8_000, 1.0)])
    assert len(pcm) == 2 * 8_000 * 600 // 1000
    assert await stages.voices() == voices
    assert await replica.record_autoscaling_stats() == {WORK: 0}
    assert [one["name"] for one in replica.status()] == ["sim"]
    await replica.__del__()
    assert replica.__del__() is None
