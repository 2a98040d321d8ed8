"""Requests to providers over HTTP with OpenAI's protocol: one pool, one way to retry, one place where errors are mapped.

Rules: a request is tried again only while nothing of its answer has been passed on, and never after a time-out, because a late
provider is the next provider's business. `timeout_s` bounds the time to the first part of an answer, with waiting for a free
connection and all tries in it, and then the silence before each further part. Library errors end here: what leaves is a
`ProviderError` with one of these codes, whose text holds no key and which has no library error as its cause.

    provider_timeout       no answer, or no more of it, in time
    provider_unreachable   no connection, or it broke before an answer
    provider_rate_limited  429
    provider_auth          401 or 403: the key is wrong or may not do this
    provider_failed        any other error status, or an answer that cannot be used
    provider_cut           the answer ended in the middle
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pipeline.engine_settings import Cloud
from pipeline.errors import ProviderError, ProviderUnavailable

if TYPE_CHECKING:
    from openai import APIStatusError

Part = TypeVar("Part")

KEEP_ALIVE_S = 60.0
"""Seconds that an idle connection is kept: longer than the pause between two turns of a conversation."""

LONGEST_RETRY_AFTER_S = 2.0
"""A provider that asks for a longer pause has failed this request: a caller does not wait for that."""

LONGEST_QUOTE = 200
"""Letters of a provider's own words in an error."""


def what_is_missing(settings: Cloud) -> str | None:
    if not settings.base_url:
        return "set base_url to where the provider's API lives"
    if settings.api_key_env and settings.api_key is None:
        return f"set {settings.api_key_env}"
    if find_spec("openai") is None:
        return "pip install openai"
    return None


def client_options(settings: Cloud) -> dict[str, Any]:
    """What any of the library's clients is made with: it neither retries nor times out, save for opening a connection."""
    import httpx

    if reason := what_is_missing(settings):
        raise ProviderUnavailable(reason)
    patience = httpx.Timeout(None, connect=settings.connect_timeout_s)
    limits = httpx.Limits(max_connections=settings.pool, max_keepalive_connections=settings.pool, keepalive_expiry=KEEP_ALIVE_S)
    return {
        "api_key": _key(settings) or "none",  # the library insists on one; servers without keys ignore it
        "timeout": patience,
        "max_retries": 0,
        "http_client": httpx.AsyncClient(limits=limits, timeout=patience, follow_redirects=True),
    }


class CloudCalls:
    """How one provider is asked: so many requests at once, in time, and again if that may help."""

    def __init__(self, settings: Cloud) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.pool)
        self.name = urlsplit(settings.base_url).hostname or settings.base_url

    async def parts(self, attempt: Callable[[], AsyncGenerator[Part, None]]) -> AsyncGenerator[Part, None]:
        """The parts of one answer; each call of `attempt` makes the request anew."""
        now = asyncio.get_running_loop().time
        deadline = now() + self._settings.timeout_s
        async with self._connection(deadline):
            answer, part = await self._begin(attempt, deadline)
            try:
                while part is not None:
                    yield part
                    try:
                        async with asyncio.timeout_at(now() + self._settings.timeout_s):
                            part = await _to_its_end(anext(answer, None))
                    except Exception as error:
                        raise self._failure(error, begun=True) from None
            finally:
                await _to_its_end(answer.aclose())

    @asynccontextmanager
    async def _connection(self, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                await self._free.acquire()
        except TimeoutError:
            busy = f"All {self._settings.pool} connections to {self.name} were busy for {self._settings.timeout_s:g} s."
            raise ProviderError("provider_timeout", busy) from None
        try:
            yield
        finally:
            self._free.release()

    async def _begin(
        self, attempt: Callable[[], AsyncGenerator[Part, None]], deadline: float
    ) -> tuple[AsyncGenerator[Part, None], Part | None]:
        """The answer and its first part, or None when it has no parts."""
        for tries_before in count():
            answer = attempt()
            try:
                async with asyncio.timeout_at(deadline):
                    return answer, await _to_its_end(anext(answer, None))
            except BaseException as error:
                await _to_its_end(answer.aclose())  # it may have begun, unheard
                if not isinstance(error, Exception):
                    raise
                failure = self._failure(error, begun=False)
                pause_s = self._pause_s(error, failure, tries_before)
                if pause_s is None or asyncio.get_running_loop().time() + pause_s >= deadline:
                    raise failure from None  # the library's error may quote a key: it ends here
            await asyncio.sleep(pause_s)
        raise AssertionError("count() has no end")

    def _pause_s(self, error: Exception, failure: ProviderError, tries_before: int) -> float | None:
        """Seconds until the next try, or None when there shall be none."""
        if failure.code == "provider_timeout" or not failure.retryable or tries_before >= self._settings.retries:
            return None
        asked_s = _retry_after_s(error)
        if asked_s > LONGEST_RETRY_AFTER_S:
            return None
        return max(asked_s, self._settings.backoff_s * 2**tries_before * random.uniform(0.5, 1.5))

    def _failure(self, error: Exception, begun: bool) -> ProviderError:
        import httpx
        import openai

        match error:
            case ProviderError():
                return error
            case TimeoutError():
                silence = "went silent in an answer" if begun else "did not answer"
                return ProviderError("provider_timeout", f"{self.name} {silence} for {self._settings.timeout_s:g} s.")
            case openai.APIStatusError():
                return self._refusal(error)
            case openai.APIConnectionError() | httpx.HTTPError() if begun:
                return ProviderError("provider_cut", f"{self.name} broke off in the middle of an answer.")
            case openai.APIConnectionError() | httpx.HTTPError():
                return ProviderError("provider_unreachable", f"{self.name} cannot be reached, or hung up before an answer.")
            case openai.APIError() | json.JSONDecodeError():
                return ProviderError("provider_failed", f"{self.name} failed: {self._quote(error)}")
            case _:
                raise error

    def _refusal(self, error: "APIStatusError") -> ProviderError:
        status = error.status_code
        match status:
            case 401 | 403:
                where = f"; look at {self._settings.api_key_env}" if self._settings.api_key_env else ""
                return ProviderError(
                    "provider_auth", f"{self.name} does not accept the key ({status}){where}.", retryable=False
                )
            case 429:
                said = f"{self.name} takes no more requests for now (429): {self._quote(error)}"
                return ProviderError("provider_rate_limited", said, retryable=error.code != "insufficient_quota")
            case _:
                may_pass = status in (408, 409) or status >= 500
                return ProviderError("provider_failed", f"{self.name} answered {status}: {self._quote(error)}", may_pass)

    def _quote(self, error: Exception) -> str:
        key = _key(self._settings)
        said = str(error).replace(key, "***") if key else str(error)
        return said[:LONGEST_QUOTE]


async def _to_its_end(step: Awaitable[Part]) -> Part:
    """One step of the library, which may tidy up after itself when who waits for it is cancelled.

    A cancelled task can be interrupted just when its connection goes back to the pool, which then counts it as busy for ever;
    the library guards itself against a cancelled scope of anyio, but not against that.
    """
    import anyio

    scope = anyio.CancelScope()

    async def within_scope() -> Part:
        with scope:
            return await step
        raise asyncio.CancelledError

    task = asyncio.ensure_future(within_scope())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        scope.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):  # once is enough
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # of no interest any more, but to be looked at
        raise


def _key(settings: Cloud) -> str:
    return settings.api_key.get_secret_value() if settings.api_key else ""


def _retry_after_s(error: Exception) -> float:
    response = getattr(error, "response", None)
    try:
        return float(response.headers.get("retry-after", 0)) if response is not None else 0.0
    except ValueError:
        return 0.0  # a date: what a provider that means seconds does not send
