"""Whether the server has time for a request."""

from pipeline.errors import ServerError


def room() -> None:
    """Nobody is kept out."""


def no_room() -> None:
    raise ServerError("server_busy", "no room", retry_after_s=5)
