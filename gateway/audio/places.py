"""Room for so many requests at once, and no queue: one more is told when to try again."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import ClientError


class Places:
    def __init__(self, most: int, doing: str, retry_after_s: float) -> None:
        """`doing` is what is done in them, as in 'texts are spoken'."""
        self._most = most
        self._doing = doing
        self._retry_after_s = retry_after_s
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        if self.taken >= self._most:
            message = f"{self.taken} {self._doing} already; try again in {self._retry_after_s:g} s"
            raise ClientError("rate_limit_exceeded", message, retry_after_s=self._retry_after_s)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
