"""Both ends of a caller's connection, in the hands of a test; and a wire that records its every step."""

import asyncio
import json
from typing import Any

import numpy as np

from gateway.connection import Close, Connection, Terms
from pipeline.errors import ParleyError
from pipeline.events import Cleared, Committed, FromCaller, ItemGiven
from pipeline.history import Item
from pipeline.notices import Notice
from pipeline.ports import Message


class Way:
    """Records what a connection hands on to its conversation."""

    id = 7

    def __init__(self) -> None:
        self.heard = bytearray()
        self.events: list[Any] = []

    def audio(self, pcm: bytes) -> None:
        self.heard += pcm

    def event(self, event: Any) -> None:
        self.events.append(event)


class Socket:
    """The client's end: `say` what it sends, `next` what it got."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.readable = asyncio.Event()
        self.readable.set()

    async def receive(self) -> dict[str, Any]:
        message = await self.incoming.get()
        self.incoming.task_done()
        return message

    async def send(self, message: Any) -> None:
        await self.readable.wait()
        self.outgoing.put_nowait(message)

    def say(self, message: str | bytes) -> None:
        kind = "bytes" if isinstance(message, bytes) else "text"
        self.incoming.put_nowait({"type": "websocket.receive", kind: message})

    def leave(self, code: int = 1006) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    async def next(self) -> Any:
        message = await asyncio.wait_for(self.outgoing.get(), 5)
        if message["type"] == "websocket.close":
            return message["code"]
        return message["bytes"] if message.get("bytes") is not None else json.loads(message["text"])


RATE = 24_000


class Toy:
    """A wire whose every step is recorded; messages are what the client means."""

    def __init__(self) -> None:
        self.in_rate = RATE
        self.written: list[Notice | bytes] = []

    def read(self, message: str | bytes) -> list[bytes | str | FromCaller]:
        if isinstance(message, bytes):
            return [message]
        word, _, rest = message.partition(" ")
        match word:
            case "rate":
                self.in_rate = int(rest)
                return [json.dumps({"type": "rate", "rate": self.in_rate})]
            case "commit":
                return [Committed("r")]
            case "clear":
                return [Cleared()]
            case "item":
                return [ItemGiven(Item("i", Message("user", "")), None, "", pcm=bytes(2 * int(rest)))]
            case "both":
                return [tone(1.0), Committed("r")]
            case "ask":
                return ['{"type": "answer"}']
            case _:
                raise RuntimeError(f"a mistake, and what was said: {message}")

    def write(self, delivery: Notice | bytes) -> list[str | bytes]:
        self.written.append(delivery)
        if isinstance(delivery, bytes):
            return [json.dumps({"type": "audio", "bytes": len(delivery)})]
        return [json.dumps({"type": type(delivery).__name__})]

    def refuse(self, error: ParleyError) -> str:
        return json.dumps({"type": "error", "code": error.code})


class Order(Way):
    """Everything in its order, audio as its length in samples."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[Any] = []

    def audio(self, pcm: bytes) -> None:
        super().audio(pcm)
        self.order.append(len(pcm) // 2)

    def event(self, event: Any) -> None:
        super().event(event)
        self.order.append(event)


class ToyCall:
    def __init__(self, **terms: Any) -> None:
        usual: dict[str, Any] = {
            "message_bytes": 16_000_000,
            "ahead_ms": 120_000,
            "patient": True,
            "waiting_bytes": 480_000,
            "closing": lambda error: Close(4_000, f"toy.{error.code}"),
        }
        self.wire, self.socket, self.way = Toy(), Socket(), Order()
        made = Terms(**{**usual, **terms})
        self.connection = Connection(self.way, self.wire, made, self.socket.receive, self.socket.send)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.connection.run())

    async def hang_up(self) -> list[Any]:
        """What went to the conversation, in order."""
        self.socket.leave()
        await self.task
        return self.way.order


def tone(seconds: float, rate: int = RATE) -> bytes:
    wave = 8_000 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)
    return wave.astype(np.int16).tobytes()


def samples_before(order: list[Any], event: Any) -> int:
    return sum(entry for entry in order[: order.index(event)] if isinstance(entry, int))
