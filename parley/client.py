"""A small client of the `/ws` wire: audio and messages both ways, no resampling and no decisions.

What the server says comes as it is: a `dict` with a `type`, or `bytes` of PCM16 audio at `out_rate`. Times here are those of
the machine's steady clock.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from parley import keys
from pipeline.errors import ClientError, ServerError
from pipeline.ports import Samples

FRAME_MS = 20
Received = dict[str, Any] | bytes
_KEY_REFUSED = {
    "key_missing": "this server needs a key; put yours into the environment, as PARLEY_KEY",
    "key_invalid": "this server does not accept the key in PARLEY_KEY",
}


class Client:
    """One conversation; use it as `async with Client(url, rate) as client`."""

    def __init__(self, url: str, rate: int, out_rate: int = 24_000, lang: str = "", flow: str = "", key: str = "") -> None:
        """`key` is for servers that need one."""
        self._key = key
        self.rate = rate
        self.out_rate = out_rate
        self._url = _socket_url(url, {"rate": rate, "out_rate": out_rate, "lang": lang, "flow": flow})
        self._socket: ClientConnection | None = None
        self._next_at = 0.0

    async def __aenter__(self) -> Self:
        try:
            # Audio does not shrink, so compression would only cost time; and a proxy has no business on the way.
            self._socket = await open_socket(
                self._url, additional_headers=keys.header(self._key), compression=None, proxy=None, max_size=None
            )
        except InvalidStatus as error:
            raise ServerError("refused", f"{self._url} answered {error.response.status_code}") from None
        except (OSError, TimeoutError, WebSocketException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServerError("unreachable", f"cannot reach {self._url}: {reason}; does a server run there?") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Everything from the server until either side closes; an end that the server did not announce is an error."""
        try:
            async for message in self._open:
                yield json.loads(message) if isinstance(message, str) else message
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.reason in _KEY_REFUSED:
                raise ClientError(closed.rcvd.reason, _KEY_REFUSED[closed.rcvd.reason]) from None
            told = f"{closed.rcvd.code} {closed.rcvd.reason}".strip() if closed.rcvd is not None else "without a word"
            raise ServerError("disconnected", f"the server ended the connection ({told})") from None

    async def send_audio(self, samples: Samples) -> None:
        await self._send(samples.astype("<i2").tobytes())

    async def send_text(self, text: str) -> None:
        await self._tell("text", text=text)

    async def interrupt(self) -> None:
        await self._tell("interrupt")

    async def report_played(self, ms: int) -> None:
        await self._tell("played", ms=ms)

    async def ping(self) -> None:
        await self._tell("ping")

    async def bye(self) -> None:
        await self._tell("bye")

    async def speak(self, samples: Samples) -> None:
        """Send samples at the pace at which they were spoken, a frame of 20 ms at a time."""
        size = self.rate * FRAME_MS // 1000
        for start in range(0, len(samples), size):
            frame = samples[start : start + size]
            # Paced by the count of samples, so that late timers do not add up; a pause is not made up for.
            self._next_at = max(self._next_at, time.monotonic() - FRAME_MS / 1000) + len(frame) / self.rate
            await self.send_audio(frame)
            await asyncio.sleep(self._next_at - time.monotonic())

    @property
    def _open(self) -> ClientConnection:
        if self._socket is None:
            raise ClientError("not_connected", "the client is used outside of its `async with`")
        return self._socket

    async def _tell(self, kind: str, **fields: Any) -> None:
        await self._send(json.dumps({"type": kind, **fields}))

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._open.send(message)
        except ConnectionClosed:
            # The reading side hears of it too, and knows why.
            return


def _socket_url(url: str, query: dict[str, Any]) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ClientError("url_invalid", f"{url} is not the address of a server, such as http://127.0.0.1:8000")
    path = parts.path.rstrip("/").removesuffix("/ws")
    return f"{scheme}://{parts.netloc}{path}/ws?{urlencode({key: value for key, value in query.items() if value})}"
