"""The wires that callers of a measurement speak: what they send for 20 ms of audio, and what of the answers they understand."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.speech import question
from pipeline.ports import LISTENING_RATE

FRAME_S = 0.02

_SESSION = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "audio": {
            "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message means to a caller."""

    opened: bool = False
    reply_began: bool = False
    audio_bytes: int = 0
    latency: dict[str, int] | None = None
    error: str = ""
    retry_after_s: float | None = None
    pong: bool = False


NOTHING = Heard()


@dataclass(frozen=True, slots=True)
class Wire:
    path: str
    rate: int
    """Samples a second that the caller sends."""
    text: Callable[[bytes], bytes] | None
    """Audio as a text message; None where it travels as it is."""
    read: Callable[[dict[str, Any]], Heard]
    first: bytes = b""
    """What the caller says when it has been greeted."""
    last: bytes = b""
    """What it says when it goes."""

    @property
    def opcode(self) -> int:
        """The kind of WebSocket frame in which audio travels."""
        return 2 if self.text is None else 1

    def frames(self) -> list[bytes]:
        """A spoken question, message by message."""
        size = round(self.rate * FRAME_S)
        speech = question(rate=self.rate)
        return [self.message(row.tobytes()) for row in speech[: len(speech) // size * size].reshape(-1, size)]

    def silence(self) -> bytes:
        return self.message(bytes(2 * round(self.rate * FRAME_S)))

    def message(self, pcm: bytes) -> bytes:
        return pcm if self.text is None else self.text(pcm)


def _native(message: dict[str, Any]) -> Heard:
    match message["type"]:
        case "session":
            return Heard(opened=True)
        case "audio_started":
            return Heard(reply_began=True)
        case "turn":
            return Heard(latency=message["latency"])
        case "error":
            return Heard(error=message["code"], retry_after_s=message.get("retry_after_s"))
        case "pong":
            return Heard(pong=True)
        case _:
            return NOTHING


def _realtime(message: dict[str, Any]) -> Heard:
    match message["type"]:
        case "response.output_audio.delta":
            return Heard(audio_bytes=len(message["delta"]) * 3 // 4 - message["delta"].count("="))
        case "response.created":
            return Heard(reply_began=True)
        case "session.updated":
            return Heard(opened=True)
        case "error":
            return Heard(error=message["error"]["code"])
        case _:
            return NOTHING


def _append(pcm: bytes) -> bytes:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio}).encode()


_BYE = b'{"type":"bye"}'

WIRES = {
    "ws": Wire("/ws?rate=16000&out_rate=24000", LISTENING_RATE, None, _native, last=_BYE),
    "ws24": Wire("/ws?rate=24000&out_rate=24000", 24_000, None, _native, last=_BYE),
    "realtime": Wire("/v1/realtime?model=parley", 24_000, _append, _realtime, json.dumps(_SESSION).encode()),
}
"""By their names; `ws24` is `/ws` at the rate of the realtime API, which tells what that rate alone costs."""
