"""A conversation as OpenAI's own SDK holds it, in which every event that the server sends is checked."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any, cast

import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed

from bench.server import Running
from pipeline.ports import Samples
from tests.pipeline.wires.realtime.grammar import Grammar

RATE = 24_000
PATIENCE_S = 30.0
_FRAME_S = 0.04
_EVENT = TypeAdapter[Any](RealtimeServerEvent)


def client_of(server: Running, key: str = "none") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


@asynccontextmanager
async def talking(
    server: Running, session: dict[str, Any] | None = None, *, key: str = "none", model: str = "gpt-realtime", **query: str
) -> AsyncIterator["OpenAITalk"]:
    """A conversation that began, with what the session is to be; it raises when the server sent anything wrong."""
    async with (
        client_of(server, key) as client,
        client.realtime.connect(model=model, extra_query=dict(query)) as connection,
    ):
        talk = OpenAITalk(connection, query.get("intent") == "transcription")
        try:
            await talk.until("session.created")
            if session is not None:
                await talk.update(session)
            yield talk
        finally:
            await talk.stop()
    talk.check()


class OpenAITalk:
    """Everything that came, in order."""

    def __init__(self, connection: AsyncRealtimeConnection, transcription: bool = False) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self.closed: tuple[int, str] | None = None
        """How the server ended it."""
        self._grammar = Grammar(transcription)
        self._problem: Exception | None = None
        self._came = asyncio.Condition()
        self._microphone: asyncio.Task[None] | None = None
        self._listening = asyncio.create_task(self._listen())

    # What is said

    async def update(self, session: dict[str, Any]) -> Any:
        since = len(self.events)
        await self.connection.session.update(session=cast(Any, {"type": "realtime", **session}))
        return (await self.until("session.updated", since)).session

    async def send(self, kind: str, **fields: Any) -> int:
        """A client event as it stands; gives how many events had come before it."""
        since = len(self.events)
        await self.connection.send_raw(json.dumps({"type": kind, **fields}))
        return since

    async def write(self, text: str, **fields: Any) -> int:
        """A message of the user."""
        content = [{"type": "input_text", "text": text}]
        return await self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}, **fields
        )

    async def ask(self, **response: Any) -> Any:
        """Asks for a response and gives it when it is done."""
        since = await self.send("response.create", response=response)
        return (await self.until("response.done", since)).response

    async def append(self, audio: bytes) -> None:
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())

    async def say(self, samples: Samples, rate: int = RATE, encode: Callable[[Samples], bytes] = np.ndarray.tobytes) -> None:
        """Speaks into the microphone at the pace of the clock; it hears silence from then on."""
        self.hush()
        size = int(rate * _FRAME_S)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, start in enumerate(range(0, len(samples), size), 1):
            await self.append(encode(samples[start : start + size]))
            await asyncio.sleep(max(begun + number * _FRAME_S - loop.time(), 0))
        self._microphone = asyncio.create_task(self._be_silent(encode(np.zeros(size, np.int16))))

    def hush(self) -> None:
        """Switches the microphone off."""
        if self._microphone is not None:
            self._microphone.cancel()

    # What is heard

    async def until(self, kind: str, since: int = 0, /, **fields: Any) -> Any:
        """The first event of a kind with these fields among those that came after so many."""

        def found() -> Any:
            return next((event for event in self.events[since:] if event.type == kind and _has(event, fields)), None)

        async with asyncio.timeout(PATIENCE_S), self._came:
            while (event := found()) is None:
                self.check()
                assert not self._listening.done(), f"no {kind} came before the end, only {self.kinds(since)}"
                await self._came.wait()
            return event

    async def until_closed(self) -> tuple[int, str]:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self._listening])
        self.check()
        assert self.closed is not None
        return self.closed

    def of(self, kind: str, since: int = 0, /, **fields: Any) -> list[Any]:
        return [event for event in self.events[since:] if event.type == kind and _has(event, fields)]

    def kinds(self, since: int = 0) -> list[str]:
        """What came; neighbours of one kind count once."""
        return list(_without_repetition(event.type for event in self.events[since:]))

    def audio(self, response_id: str) -> bytes:
        return b"".join(
            base64.b64decode(event.delta) for event in self.of("response.output_audio.delta", response_id=response_id)
        )

    def check(self) -> None:
        """Raises what was wrong with an event."""
        if self._problem is not None:
            raise self._problem

    async def stop(self) -> None:
        self.hush()
        self._listening.cancel()
        await asyncio.wait([self._listening])

    async def _be_silent(self, frame: bytes) -> None:
        while True:
            await self.append(frame)
            await asyncio.sleep(_FRAME_S)

    async def _listen(self) -> None:
        try:
            while True:
                # The SDK takes whatever comes; its types and the grammar do not.
                event = self._grammar.take((await self.connection.recv_bytes()).decode())
                await self._note(_EVENT.validate_python(event))
        except ConnectionClosed as end:
            self.closed = (end.rcvd.code, end.rcvd.reason) if end.rcvd is not None else (1006, "")
        except Exception as problem:
            self._problem = problem
        finally:
            await self._note()

    async def _note(self, *events: Any) -> None:
        async with self._came:
            self.events.extend(events)
            self._came.notify_all()


def said(response: Any) -> str:
    """What was said or written in the only item of a response."""
    [item] = response.output
    [part] = item.content
    return part.transcript if part.type == "output_audio" else part.text


def _has(event: Any, fields: dict[str, Any]) -> bool:
    """A name may have dots: `item.id`."""
    return all(attrgetter(name)(event) == value for name, value in fields.items())


def _without_repetition(kinds: Iterable[str]) -> Iterable[str]:
    last = ""
    for kind in kinds:
        if kind != last:
            yield kind
        last = kind
