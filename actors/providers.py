"""An ordered list of providers for a stage: the first that is available and healthy answers, the next one when it cannot.

A provider that keeps failing is left alone for a while and then probed back. A stream may change provider only before its
first item; what comes after an item was used cannot be taken back.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from actors.engines import engine_module
from pipeline.config import Stage
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.health import Breaker

E = TypeVar("E")
T = TypeVar("T")

log = logging.getLogger(__name__)

_REQUESTS_FAULT = {"language_unsupported", "language_unknown", "voice_unknown", "provider_busy"}
"""Failures that say nothing bad of a provider: it cannot do this request, or not now, and does others."""


@dataclass(slots=True)
class Provider(Generic[E]):
    name: str
    engine: E | None
    missing: str
    """Why there is no engine; empty when there is one."""
    breaker: Breaker

    def status(self) -> dict[str, str]:
        if self.engine is None:
            return {"name": self.name, "state": "unavailable", "reason": self.missing}
        return {"name": self.name, "state": self.breaker.condition.value, "reason": self.breaker.reason}


class Providers(Generic[E]):
    """The providers of one stage, as they are in this process."""

    def __init__(self, stage: Stage[Any], flows_dir: Path) -> None:
        self._timeout_s = stage.timeout_s
        self._all = [self._make(name, stage, flows_dir) for name in stage.providers]
        if all(provider.engine is None for provider in self._all):
            reasons = "; ".join(f"{provider.name}: {provider.missing}" for provider in self._all)
            raise ProviderUnavailable(f"no provider is available ({reasons})")

    def _make(self, name: str, stage: Stage[Any], flows_dir: Path) -> Provider[E]:
        breaker = Breaker(stage.break_after, stage.probe_after_s)
        settings = stage.engines[name]
        module = engine_module(settings.engine)
        missing = module.why_unavailable(settings)
        if missing is None:
            try:
                return Provider(name, cast(E, module.make(settings, flows_dir)), "", breaker)
            except ProviderUnavailable as error:
                missing = error.message
        return Provider(name, None, missing, breaker)

    def status(self) -> list[dict[str, str]]:
        return [provider.status() for provider in self._all]

    def engines(self) -> list[E]:
        return [provider.engine for provider in self._all if provider.engine is not None]

    async def answer(self, ask: Callable[[E], Awaitable[T]]) -> T:
        """The first answer that a provider gives."""
        failure: ProviderError | None = None
        for provider, engine in self._in_order():
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await ask(engine)
            except Exception as error:
                failure = self._failed(provider, error)
                continue
            provider.breaker.succeeded()
            return answer
        raise self._nobody(failure)

    async def stream(self, ask: Callable[[E], AsyncIterator[T]]) -> AsyncIterator[T]:
        """The stream of the first provider that begins one."""
        failure: ProviderError | None = None
        for provider, engine in self._in_order():
            begun = False
            async with aclosing(cast(Any, ask(engine))) as items:
                try:
                    while True:
                        async with asyncio.timeout(self._timeout_s):
                            item = await anext(items)
                        begun = True
                        yield item
                except StopAsyncIteration:
                    provider.breaker.succeeded()
                    return
                except Exception as error:
                    failure = self._failed(provider, error)
                    if begun:
                        raise failure from error
        raise self._nobody(failure)

    def _in_order(self) -> Iterator[tuple[Provider[E], E]]:
        """Those that may be asked, each looked at when its turn comes: a probe is spent only where it is made."""
        asked = False
        present = [(provider, provider.engine) for provider in self._all if provider.engine is not None]
        for provider, engine in present:
            if provider.breaker.allows(time.monotonic()):
                asked = True
                yield provider, engine
        if not asked:
            # All of them rest; the last one is asked all the same.
            yield present[-1]

    def _failed(self, provider: Provider[E], error: Exception) -> ProviderError:
        failure = _as_provider_error(provider.name, error)
        if failure.code not in _REQUESTS_FAULT:
            provider.breaker.failed(failure.message, time.monotonic())
        log.warning("provider %s failed: %s", provider.name, failure)
        return failure

    def _nobody(self, failure: ProviderError | None) -> ProviderError:
        return failure or ProviderError("provider_unavailable", "no provider is available")


def _as_provider_error(name: str, error: Exception) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("provider_timeout", f"{name} did not answer in time")
    # An engine's own surprise: its text may hold what the caller said, so only its kind is told.
    log.error("provider %s broke", name, exc_info=error)
    return ProviderError("provider_failed", f"{name} broke ({type(error).__name__})")
