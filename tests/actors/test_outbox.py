"""What a gateway gets, over a line that the test plays."""

import asyncio
from typing import Any, cast

from actors.line import Line
from actors.outbox import Outbox
from pipeline.notices import AudioStarted


class Sent:
    """A line that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)


def outbox() -> tuple[Outbox, Sent]:
    line = Sent()
    return Outbox(cast(Line, line)), line


async def test_what_comes_in_one_go_leaves_in_one_message_and_in_order() -> None:
    box, line = outbox()
    box.put(1, AudioStarted(1))
    box.put(2, b"\1\0")
    box.put(1, None)
    assert line.messages == []
    await asyncio.sleep(0)
    assert line.messages == [[(1, AudioStarted(1)), (2, b"\1\0"), (1, None)]]


async def test_nothing_is_sent_twice_and_nothing_when_there_is_nothing() -> None:
    box, line = outbox()
    box.put(1, b"\1\0")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    box.put(1, b"\2\0")
    await asyncio.sleep(0)
    assert line.messages == [[(1, b"\1\0")], [(1, b"\2\0")]]


async def test_what_is_put_while_a_message_leaves_is_in_the_next() -> None:
    class Busy(Sent):
        def send(self, message: Any) -> None:
            super().send(message)
            if len(self.messages) == 1:
                box.put(2, None)

    line = Busy()
    box = Outbox(cast(Line, line))
    box.put(1, None)
    await asyncio.sleep(0)
    assert line.messages == [[(1, None)]]
    await asyncio.sleep(0)
    assert line.messages == [[(1, None)], [(2, None)]]


async def test_without_a_line_nothing_is_kept_for_anybody() -> None:
    box = Outbox(None)
    box.put(1, b"\1\0")
    assert box._waiting == []
