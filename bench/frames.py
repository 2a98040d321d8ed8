"""WebSocket frames, made and read by hand: as little as a measurement can spend on them.

A masking key of zeros leaves the payload as it is, so a caller's frame is made once and sent by everybody.
"""

import base64
import hashlib
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Place(NamedTuple):
    """Where a frame lies in what was received."""

    opcode: int
    start: int
    """Of the payload."""
    end: int
    key: bytes
    """Masking key; empty where there is none."""


def frame(payload: bytes, opcode: int = BINARY, masked: bool = True) -> bytes:
    """Callers mask, servers do not."""
    size, mask = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes([0x80 | opcode, mask | size])
    elif size < 65_536:
        head = bytes([0x80 | opcode, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def find(buffer: bytearray, at: int) -> Place | None:
    """The frame that begins here, if it is whole."""
    if len(buffer) - at < 2:
        return None
    size, start = buffer[at + 1] & 0x7F, at + 2
    if size == 126:
        size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
    elif size == 127:
        size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
    key = b""
    if buffer[at + 1] & 0x80:
        key, start = bytes(buffer[start : start + 4]), start + 4
    return Place(buffer[at] & 0x0F, start, start + size, key) if start + size <= len(buffer) else None


def payload(buffer: bytearray, place: Place) -> bytes:
    masked = bytes(buffer[place.start : place.end])
    if not any(place.key):
        return masked
    size = len(masked)
    key = (place.key * (size // 4 + 1))[:size]
    return (int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def accept(key: str) -> str:
    """What a server answers to a caller's key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
