"""A fake of OpenAI's API on a free local port: chat completions, transcriptions and speech, over real HTTP.

It runs in a thread of its own, so tests with and without an event loop can use it, and so can other processes. Each request
takes the next of the `plans` that were queued, or `otherwise` when none is left; a chat takes the next of the `replies`, or the
words of `reply`. What it saw is in `seen`.

    with fake_openai() as server:
        server.plans += [Refuse(429, retry_after="0"), Cut(after=2)]
        ... talk to server.url ...
        assert server.seen[0].fields["model"] == "gpt-4o-mini"

A part is a word of a reply, a piece of a function call or a piece of speech; a transcription is all one part.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """All goes well, at a pace."""

    delay_s: float = 0.0
    """Seconds until the first part."""
    gap_s: float = 0.0
    """Seconds between parts."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error status instead of an answer."""

    status: int
    retry_after: str | None = None
    message: str = "the fake was told to refuse"
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Not another byte after so many parts, with the connection open; after 0 parts there is not even a status line."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection closes after so many parts; after 0 parts there is not even a status line."""

    after: int = 0


Plan = Answer | Refuse | Stall | Cut


@dataclass(frozen=True, slots=True)
class Call:
    """A function that the model asks for, with the pieces of its arguments."""

    id: str
    name: str
    arguments: tuple[str, ...] = ("{}",)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model writes: words, then calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    deltas: tuple[dict[str, Any], ...] = ()
    """Further deltas as they stand, for servers with ways of their own."""
    end: str = ""
    """Why it ends, if not because all was said."""


@dataclass(slots=True)
class Seen:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    fields: dict[str, Any]
    """The JSON body, or the fields of the form; a file is its bytes."""
    connection: int
    """Which connection brought it, counted from 0."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when nothing more will be sent: answered, cut, or the client left."""
    client_left: bool = False
    """Whether the client closed the connection before the answer was whole."""


class FakeOpenAI:
    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.otherwise: Plan = Answer()
        self.reply = "We are open from nine to five."
        self.replies: list[Reply] = []
        self.usage: dict[str, Any] | None = {
            "prompt_tokens": 12,
            "completion_tokens": 7,
            "total_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 4},
        }
        """What a chat that asks for it is told at its end; None for a server that tells nobody."""
        self.heard = "what are your opening hours"
        self.speech: tuple[bytes, ...] = (b"\x01\x00\x02\x00\x03", b"\x00\x04\x00", b"\x05\x00")
        """PCM16 pieces; by default one splits a sample."""
        self.seen: list[Seen] = []
        self.url = ""
        """What a client takes as its base URL."""
        self.most_at_once = 0
        """The most requests that were under way together."""
        self._at_once = 0
        self._connections = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, self._connections = self._connections, self._connections + 1
        try:
            while seen := await _read_request(reader, connection):
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                self.seen.append(seen)
                try:
                    await self._carry_out(self.plans.pop(0) if self.plans else self.otherwise, seen, reader, writer)
                finally:
                    self._at_once -= 1
                    seen.ended.set()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cut as planned, left by the client, or stopped
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _carry_out(self, plan: Plan, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match plan:
            case Answer(delay_s, gap_s):
                await _unless_client_leaves(self._answer(seen, writer, delay_s, gap_s), seen, reader)
            case Refuse():
                await _refuse(plan, writer)
            case Stall(after):
                await self._send(seen, writer, after)
                await _unless_client_leaves(asyncio.Event().wait(), seen, reader)
            case Cut(after):
                await self._send(seen, writer, after)
                raise ConnectionAbortedError

    async def _answer(self, seen: Seen, writer: asyncio.StreamWriter, delay_s: float, gap_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._send(seen, writer, None, gap_s)

    async def _send(self, seen: Seen, writer: asyncio.StreamWriter, count: int | None, gap_s: float = 0.0) -> None:
        """Send the first `count` parts, or with None all of them and the end of the answer."""
        if count == 0:
            return
        kind, parts = self._parts(seen)
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for number, part in enumerate(parts[:count]):
            await asyncio.sleep(gap_s if number else 0)
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
        if count is None:
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    def _parts(self, seen: Seen) -> tuple[str, list[bytes]]:
        match seen.path.partition("?")[0].rsplit("/", 1)[-1]:
            case "completions":
                reply = self.replies.pop(0) if self.replies else Reply(self.reply)
                asked = seen.fields.get("stream_options", {}).get("include_usage")
                return "text/event-stream", _chat_events(reply, self.usage if asked else None)
            case "transcriptions":
                return "application/json", [json.dumps(_transcription(self.heard, seen.fields)).encode()]
            case "speech":
                return "audio/pcm", list(self.speech)
            case _:
                raise ConnectionAbortedError(f"the fake does not know {seen.path}")


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, _, rest = head.partition(b"\r\n")
    headers = {name.lower(): value for name, value in BytesParser(policy=HTTP).parsebytes(rest).items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Seen(request_line.decode().split()[1], headers, _fields(headers, body), connection)


def _fields(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return json.loads(body or b"{}")
    form = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, Any] = {}
    for part in form.iter_parts():
        content: Any = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = content if part.get_filename() else content.decode()
    return fields


async def _unless_client_leaves(job: Any, seen: Seen, reader: asyncio.StreamReader) -> None:
    working, leaving = asyncio.ensure_future(job), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        seen.client_left = True
        raise ConnectionAbortedError
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait([working, leaving])


async def _refuse(plan: Refuse, writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"error": {"message": plan.message, "type": "fake", "code": plan.code}}).encode()
    retry = f"retry-after: {plan.retry_after}\r\n" if plan.retry_after is not None else ""
    head = f"HTTP/1.1 {plan.status} Refused\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{retry}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


def _chat_events(reply: Reply, usage: dict[str, Any] | None) -> list[bytes]:
    end = reply.end or ("tool_calls" if reply.calls else "stop")
    choices: list[dict[str, Any]] = [{"delta": delta, "finish_reason": None} for delta in _chat_deltas(reply)]
    choices.append({"delta": {}, "finish_reason": end})
    common = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    events = [{**common, "choices": [{"index": 0, **choice}]} for choice in choices]
    if usage is not None:
        events.append({**common, "choices": [], "usage": usage})
    return [f"data: {event}\n\n".encode() for event in (*map(json.dumps, events), "[DONE]")]


def _chat_deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    for number, word in enumerate(reply.text.split(" ") if reply.text else ()):
        yield {"content": f" {word}" if number else word}
    for index, call in enumerate(reply.calls):
        head = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": head}]}
        for piece in call.arguments:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    yield from reply.deltas


def _transcription(heard: str, fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("response_format") != "verbose_json":
        return {"text": heard, "logprobs": [{"token": word, "logprob": -0.5} for word in heard.split()]}
    words = [{"word": word, "start": number * 0.5, "end": number * 0.5 + 0.4} for number, word in enumerate(heard.split())]
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": heard, "tokens": [], "temperature": 0.0}
    scores = {"avg_logprob": -0.25, "compression_ratio": 1.0, "no_speech_prob": 0.0}
    return {"text": heard, "language": "english", "duration": 1.0, "words": words, "segments": [{**segment, **scores}]}


@contextmanager
def fake_openai() -> Iterator[FakeOpenAI]:
    """A fake that listens until the block ends; its connections are dropped then."""
    fake = FakeOpenAI()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-openai", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(fake.start(), loop).result()

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
