"""One error tree: a stable code, whose fault it is, and a sentence that says what to do.

Codes are a contract with clients and with alerts: they may be added, never renamed. Errors cross actors pickled, so every
constructor hands all of its arguments to `super().__init__`.
"""

from enum import StrEnum


class Fault(StrEnum):
    CLIENT = "client"
    PROVIDER = "provider"
    SERVER = "server"


class ParleyError(Exception):
    """Anything that can go wrong here, with a code that never changes."""

    fault = Fault.SERVER
    retry_after_s: float | None = None
    """Seconds after which it may be tried again, if that is known."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class ClientError(ParleyError):
    """The caller sent something that cannot be used."""

    fault = Fault.CLIENT

    def __init__(self, code: str, message: str, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.args = (code, message, param, retry_after_s)
        self.param = param
        """Which part of the request is wrong."""
        self.retry_after_s = retry_after_s


class ConfigError(ParleyError):
    """The configuration cannot be used as it stands."""


class ServerError(ParleyError):
    """A part of this server failed."""

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.args = (code, message, retry_after_s)
        self.retry_after_s = retry_after_s


class ProviderError(ParleyError):
    """A speech or language provider failed."""

    fault = Fault.PROVIDER

    def __init__(self, code: str, message: str, retryable: bool = True) -> None:
        super().__init__(code, message)
        self.args = (code, message, retryable)
        self.retryable = retryable


class ProviderUnavailable(ProviderError):
    """A provider lacks its key, weights or library; it says which."""

    def __init__(self, message: str) -> None:
        super().__init__("provider_unavailable", message, retryable=False)
        self.args = (message,)
