"""Audio formats of the Realtime API, and audio as base64 in them. Inside it is always PCM16 mono."""

import binascii
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from pipeline.errors import ClientError
from pipeline.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from pipeline.wires.realtime.part import Part

TELEPHONE_RATE = 8_000


class Pcm(Part):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000, 16000, 8000] = 24_000


class Pcmu(Part):
    type: Literal["audio/pcmu"]


class Pcma(Part):
    type: Literal["audio/pcma"]


AudioFormat = Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")]

_DECODERS: dict[str, Callable[[bytes], bytes]] = {"audio/pcmu": ulaw_decode, "audio/pcma": alaw_decode}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {"audio/pcmu": ulaw_encode, "audio/pcma": alaw_encode}


def rate_of(form: AudioFormat) -> int:
    """Samples a second."""
    return form.rate if isinstance(form, Pcm) else TELEPHONE_RATE


def from_base64(audio: object, form: AudioFormat, param: str) -> bytes:
    """PCM16 at the format's rate."""
    if not isinstance(audio, str):
        raise ClientError("invalid_type", f"Invalid type for '{param}': expected a string of base64.", param)
    try:
        octets = binascii.a2b_base64(audio, strict_mode=True)
    except ValueError:
        raise ClientError("invalid_value", f"Invalid value for '{param}': it is not base64.", param) from None
    decode = _DECODERS.get(form.type)
    if decode is not None:
        return decode(octets)
    if len(octets) % 2:
        message = f"Invalid value for '{param}': 16-bit samples have two bytes each, and these are {len(octets)} bytes."
        raise ClientError("invalid_value", message, param)
    return octets


def to_base64(pcm: bytes, form: AudioFormat) -> str:
    encode = _ENCODERS.get(form.type)
    octets = pcm if encode is None else encode(pcm)
    return binascii.b2a_base64(octets, newline=False).decode("ascii")
