"""The way to a shard, with a shard that the test plays."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.buffer import Opening
from gateway.link import ShardLink
from pipeline.events import StopAsked
from pipeline.manner import Manner
from pipeline.notices import AudioStarted, Failed


class Shard:
    """Takes messages, and answers them when the test says so."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[tuple[Any, ...], asyncio.Future[Any]]] = asyncio.Queue()
        self.exchange = self

    def remote(self, *message: Any) -> asyncio.Future[Any]:
        answer = asyncio.get_running_loop().create_future()
        self.calls.put_nowait((message, answer))
        return answer

    async def call(self) -> tuple[tuple[Any, ...], asyncio.Future[Any]]:
        return await asyncio.wait_for(self.calls.get(), 5)


def taker(got: asyncio.Queue[Any]) -> Callable[[Any], None]:
    return got.put_nowait


async def test_one_call_always_waits_for_news() -> None:
    shard = Shard()
    ShardLink("g", shard, 1)
    for _ in range(3):
        (_, openings, audio, events), answer = await shard.call()
        assert (openings, list(audio.unpack()), events) == ([], [], [])
        answer.set_result([])


async def test_what_gathers_while_the_shard_is_busy_goes_together() -> None:
    shard = Shard()
    link = ShardLink("g", shard, 1)
    _, first = await shard.call()
    link.audio(1, b"\x01\x00")
    _, second = await shard.call()
    link.audio(1, b"\x02\x00")
    link.audio(2, b"\x03\x00\x04\x00")
    link.event(1, StopAsked())
    assert shard.calls.empty()
    first.set_result([])
    (name, _, audio, events), _ = await shard.call()
    assert name == "g"
    assert [(caller, samples.tolist()) for caller, samples in audio.unpack()] == [(1, [2]), (2, [3, 4])]
    assert events == [(1, StopAsked())]
    second.set_result([])


async def test_answers_are_handed_out_in_the_order_of_their_calls() -> None:
    shard = Shard()
    link = ShardLink("g", shard, 1)
    got: asyncio.Queue[Any] = asyncio.Queue()
    link.open(Opening(1, "clinic", Manner("en")), taker(got))
    _, first = await shard.call()
    link.audio(1, b"\x01\x00")
    _, second = await shard.call()
    second.set_result([(1, b"later"), (9, b"nobody")])
    first.set_result([(1, AudioStarted(1))])
    assert [await got.get(), await got.get()] == [AudioStarted(1), b"later"]


async def test_a_dead_shard_ends_its_conversations_with_a_clear_word() -> None:
    shard = Shard()
    link = ShardLink("g", shard, 1)
    got: asyncio.Queue[Any] = asyncio.Queue()
    link.open(Opening(1, "clinic", Manner("en")), taker(got))
    _, answer = await shard.call()
    answer.set_exception(RuntimeError("died"))
    lost = await got.get()
    assert isinstance(lost, Failed)
    assert (lost.code, await got.get(), link.callers) == ("conversation_lost", None, 0)
    # The next shard of that name is asked again.
    await shard.call()
