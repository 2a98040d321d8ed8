"""Keys of callers: their form, what is kept of them, and which of the accepted ones somebody shows.

Only hashes are written down. A key is 256 random bits, so nobody can guess what a hash came from and a slow hash, which is
for passwords that people think of, would only cost time. Whether a key is needed is decided by where the server listens, never
by who calls: behind a proxy everybody has the proxy's address.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from pipeline.engine_settings import Positive, Settings
from pipeline.errors import ConfigError

_FORM = "pk_"
_RANDOM_BYTES = 32
_HASH = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Key(Settings):
    """One key that is accepted; `parley keys new NAME` makes it."""

    name: str = Field(pattern=f"^{_NAME.pattern}$")
    """Whose it is; limits are counted by it, and logs may hold it."""
    hash: str = Field(pattern=f"^{_HASH}[0-9a-f]{{64}}$")
    """`sha256:` and 64 hexadecimal digits; never the key itself."""
    conversations: Positive | None = None
    """Conversations at once; empty for what holds for all keys."""
    requests_per_minute: Positive | None = None
    """Requests a minute; empty for what holds for all keys."""


class Keys(Settings):
    """Who may call, and how much. `PARLEY_KEYS` in the environment adds keys: `NAME:HASH`, separated by commas."""

    required: Literal["auto", "always"] = "auto"
    """When a caller must show a key: unless the server listens on loopback only, or always."""
    accepted: tuple[Key, ...] = ()
    """Keys that open the door."""
    operators: tuple[str, ...] = ()
    """Names of those keys whose owners may see `/dashboard` and `/metrics`."""
    conversations: Positive = 50
    """Conversations that a key may hold at once."""
    requests_per_minute: Positive = 600
    """Requests of a key, the opening of a conversation included: so many at once, and so many a minute from then on."""
    redis_url: SecretStr = SecretStr("")
    """A Redis where all gateway replicas count together (or `PARLEY_REDIS_URL`); empty: each counts for itself."""
    redis_timeout_ms: Positive = 50
    """Milliseconds that Redis may take; while it takes longer, each replica counts for itself."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for what, values in (("name", [key.name for key in self.accepted]), ("hash", [key.hash for key in self.accepted])):
            if len(set(values)) < len(values):
                raise ValueError(f"two of the accepted keys have the same {what}")
        return self

    @field_validator("redis_url")
    @classmethod
    def _address(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not _is_redis(url.get_secret_value()):
            raise ValueError("not the address of a Redis, such as redis://HOST:6379/0")
        return url


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the owner of a key with its limits, or anyone, where no key is needed."""

    name: str = ""
    conversations: int | None = None
    """Conversations at once; None for as many as they like."""
    requests_per_minute: int | None = None
    """None for as many as they like."""
    operator: bool = False
    """Whether the key is an operator's."""


ANYONE = Caller()


def new() -> str:
    """A key that nobody has."""
    return _FORM + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(key: str) -> str:
    return _HASH + hashlib.sha256(key.encode()).hexdigest()


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def find(keys: Keys, shown: str) -> Caller | None:
    """The owner of a key. All accepted keys are looked at, so the time it takes tells nothing about any of them."""
    shown_hash = hash_of(shown)
    found: Key | None = None
    for key in keys.accepted:
        if hmac.compare_digest(key.hash, shown_hash):
            found = key
    if found is None:
        return None
    limits = (found.conversations or keys.conversations, found.requests_per_minute or keys.requests_per_minute)
    return Caller(found.name, *limits, operator=found.name in keys.operators)


def needed(keys: Keys, host: str) -> bool:
    return keys.required == "always" or not is_loopback(host)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check(keys: Keys, host: str) -> None:
    """A server that asks for keys and accepts none would turn everybody away."""
    if needed(keys, host) and not keys.accepted:
        why = "keys.required is always" if is_loopback(host) else f"server.host is {host}, which others can reach"
        todo = "`parley keys new NAME` makes a key and says where its hash goes"
        raise ConfigError("keys_missing", f"{why}, so callers need keys, and none is accepted; {todo}")


def from_environment(keys: Keys, environ: Mapping[str, str]) -> Keys:
    """The section with what `PARLEY_KEYS` and `PARLEY_REDIS_URL` add to it; no error shows what they hold."""
    entries = [entry.strip() for entry in environ.get("PARLEY_KEYS", "").split(",")]
    added = [_entry(entry) for entry in entries if entry]
    url = environ.get("PARLEY_REDIS_URL", "").strip()
    if not added and not url:
        return keys
    changes = {"accepted": (*keys.accepted, *added), "redis_url": SecretStr(url) if url else keys.redis_url}
    try:
        return Keys.model_validate({**dict(keys), **changes})
    except ValidationError as error:
        problem = error.errors()[0]
        variable = "PARLEY_REDIS_URL" if problem["loc"] == ("redis_url",) else "PARLEY_KEYS"
        raise ConfigError("config_invalid", f"{variable}: {problem['msg'].removeprefix('Value error, ')}") from None


def _entry(entry: str) -> Key:
    name, separator, digits = entry.rpartition(_HASH)
    try:
        return Key(name=name.removesuffix(":") or f"key-{digits[:8]}", hash=separator + digits)
    except ValidationError:
        form = "hashes, as `parley keys new NAME` prints them: NAME:sha256:..., separated by commas"
        raise ConfigError("config_invalid", f"PARLEY_KEYS must hold {form}") from None


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
