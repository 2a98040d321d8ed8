"""WebSockets of a gateway replica, without the ways around that a message takes through a web server.

uvicorn opens and closes them and answers their pings, as always; but they outlast its shutdown. Once a connection has asked for
it, whole messages go straight from the socket to the connection, and frames straight back: no queue, no task and no parser
written for every case between them. A frame that is not plain (in fragments, compressed, a ping, too long, or wrong in any way)
takes uvicorn's way.

Audio does not get smaller by deflating it, so no compression is offered.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn.config
from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.speedups import apply_mask

MAX_BYTES = 24 * 1024 * 1024
"""Above what any wire takes, so that it is the wire that says no."""
_NAME = "parley.socket"
_TEXT, _BINARY = 0x81, 0x82
"""First bytes of whole messages, not compressed."""
_MASKED = 0x80


class Socket(WebSocketsSansIOProtocol):
    """What uvicorn makes of every WebSocket once `use` was called."""

    def __init__(self, config: uvicorn.Config, *rest: Any, **named: Any) -> None:
        config.ws_per_message_deflate = False
        config.ws_max_size = MAX_BYTES
        super().__init__(config, *rest, **named)
        self._offer: Callable[[str | bytes], None] | None = None
        self._warn: Callable[[], None] | None = None
        self._closing_down = False
        self._buffer = bytearray()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # The task that answers it runs later.
            self.scope["extensions"][_NAME] = self  # type: ignore[index]

    def attach(self, offer: Callable[[str | bytes], None], warn: Callable[[], None]) -> None:
        """Every message from now on is offered there, and to nobody else; `warn` hears when the replica is to go."""
        self._offer, self._warn = offer, warn
        if self._closing_down:
            warn()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def shutdown(self) -> None:
        """The replica takes no new connections. uvicorn would cut those that there are; here they may go on to their end."""
        if self.close_sent:
            super().shutdown()
            return
        self._closing_down = True
        if self._warn is not None:
            self._warn()

    def pause(self, paused: bool) -> None:
        """Reads no more for a while."""
        if self.transport.is_closing():
            return
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    async def write(self, message: str | bytes) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        payload, kind = (message, _BINARY) if isinstance(message, bytes) else (message.encode(), _TEXT)
        self.transport.write(_head(kind, len(payload)) + payload)
        if not self.writable.is_set():
            await self.writable.wait()

    def data_received(self, data: bytes) -> None:
        if self._offer is None:
            super().data_received(data)
            return
        buffer = self._buffer
        buffer += data
        at = 0
        while True:
            taken = self._plain(at)
            if taken == 0:
                break
            if taken < 0:
                rest = bytes(buffer[at:])
                buffer.clear()
                self._pass_on(rest)
                return
            at += taken
        del buffer[:at]

    def _plain(self, at: int) -> int:
        """Takes the whole message that begins there: its length, 0 if it is not all there, -1 if it is not plain."""
        buffer = self._buffer
        there = len(buffer) - at
        if there < 2:
            return 0
        if buffer[at] not in (_TEXT, _BINARY) or not buffer[at + 1] & _MASKED or self.frames:
            return -1
        size, head = buffer[at + 1] & 0x7F, 2
        if size >= 126:
            head += 2 if size == 126 else 8
            if there < head:
                return 0
            size = int.from_bytes(buffer[at + 2 : at + head], "big")
        if size > MAX_BYTES:
            return -1
        whole = head + 4 + size
        if there < whole:
            return 0
        start = at + head + 4
        payload = apply_mask(bytes(buffer[start : start + size]), bytes(buffer[start - 4 : start]))
        if buffer[at] == _BINARY:
            self._tell(payload)
            return whole
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return -1
        self._tell(text)
        return whole

    def _pass_on(self, data: bytes) -> None:
        """Uvicorn takes one frame after the other, and what follows a frame that is not plain may be plain again."""
        size = _frame_size(data)
        if size is None or size > MAX_BYTES:
            # Not all there, or too long: uvicorn keeps what it has and says what is wrong.
            if size is None:
                self._buffer += data
                return
            super().data_received(data)
            return
        super().data_received(data[:size])
        if data[size:] and not self.close_sent and not self.transport.is_closing():
            self.data_received(data[size:])

    def send_receive_event_to_app(self) -> None:
        """A message that came in fragments is whole."""
        if self._offer is None:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if self.curr_msg_data_type == "bytes":
            self._tell(data)
            return
        try:
            self._tell(data.decode())
        except UnicodeDecodeError:
            self.conn.send_close(1007)
            self.handle_parser_exception()

    def _tell(self, message: str | bytes) -> None:
        if self._offer is not None and not self.close_sent:
            self._offer(message)


def use() -> None:
    """Makes uvicorn's WebSockets of this process ours; Serve has no setting for it."""
    uvicorn.config.WS_PROTOCOLS["auto"] = f"{__name__}:{Socket.__name__}"


def of(scope: Scope) -> Socket | None:
    """The socket behind an ASGI scope, if it is one of ours."""
    found = scope.get("extensions", {}).get(_NAME)
    return found if isinstance(found, Socket) and found.loop is asyncio.get_running_loop() else None


def _head(kind: int, size: int) -> bytes:
    if size < 126:
        return bytes((kind, size))
    if size < 65_536:
        return bytes((kind, 126)) + size.to_bytes(2, "big")
    return bytes((kind, 127)) + size.to_bytes(8, "big")


def _frame_size(data: bytes) -> int | None:
    """Length of the frame at the beginning, head and all; None if that cannot be told, or it is not all there."""
    if len(data) < 2:
        return None
    size, head = data[1] & 0x7F, 2
    if size >= 126:
        head += 2 if size == 126 else 8
        if len(data) < head:
            return None
        size = int.from_bytes(data[2:head], "big")
    if size > MAX_BYTES:
        return MAX_BYTES + 1
    whole = head + size + (4 if data[1] & _MASKED else 0)
    return whole if len(data) >= whole else None
