"""An ordered list of providers for a stage: the first that is available and healthy answers, the next one when it cannot.

A provider that is late is hedged: the next one is asked beside it, and whoever answers first is taken. One that keeps failing
is left alone for a while and then probed back. A stream may change provider only before its first item; what comes after an
item was used cannot be taken back.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from actors.engines import engine_module
from pipeline import figures as of
from pipeline.config import Stage
from pipeline.errors import ProviderError, ProviderUnavailable
from pipeline.figures import Figures, Snapshot
from pipeline.health import Breaker


class _End:
    """The end of a stream."""


_END = _End()

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
    hedges: bool
    """Whether it may be asked when the one before it is late, and not only when that fails."""

    def status(self) -> dict[str, str]:
        if self.engine is None:
            return {"name": self.name, "state": "unavailable", "reason": self.missing}
        return {"name": self.name, "state": self.breaker.condition.value, "reason": self.breaker.reason}


class Providers(Generic[E]):
    """The providers of one stage, as they are in this process."""

    def __init__(self, stage: Stage[Any], flows_dir: Path) -> None:
        self._timeout_s = stage.timeout_s
        self._figures = Figures()
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
                return Provider(name, cast(E, module.make(settings, flows_dir)), "", breaker, settings.hedges)
            except ProviderUnavailable as error:
                missing = error.message
        return Provider(name, None, missing, breaker, settings.hedges)

    def status(self) -> list[dict[str, str]]:
        return [provider.status() for provider in self._all]

    def figures(self, stage: str) -> Snapshot:
        """What became of the requests of this process; the stage's name is among the labels of states."""
        self._figures.clear(of.PROVIDER_STATE)
        for status in self.status():
            self._figures.put(of.PROVIDER_STATE, 1, stage, status["name"], status["state"])
        return self._figures.snapshot()

    def engines(self) -> list[E]:
        return [provider.engine for provider in self._all if provider.engine is not None]

    async def answer(self, ask: Callable[[E], Awaitable[T]], patience_s: float, did: list[str]) -> T:
        """The first answer that a provider gives. When one takes longer than `patience_s`, the next is asked too; what was
        done is noted in `did`."""
        provider, answer = await self._first(ask, patience_s, did)
        provider.breaker.succeeded()
        return answer

    async def stream(
        self, ask: Callable[[E], AsyncGenerator[T, None]], patience_s: float, did: list[str]
    ) -> AsyncGenerator[T, None]:
        """The stream of the first provider that begins one; the others are closed."""
        begun: list[AsyncGenerator[T, None]] = []

        async def begin(engine: E) -> tuple[AsyncGenerator[T, None], T | _End]:
            items = ask(engine)
            try:
                item = await anext(items, _END)
            except BaseException:
                await items.aclose()
                raise
            begun.append(items)
            return items, item

        try:
            provider, (items, item) = await self._first(begin, patience_s, did)
            # Two may have begun in the same moment.
            for other in begun:
                if other is not items:
                    await other.aclose()
            while not isinstance(item, _End):
                yield item
                try:
                    async with asyncio.timeout(self._timeout_s):
                        item = await anext(items, _END)
                except Exception as error:
                    raise self._failed(provider, error) from error
            provider.breaker.succeeded()
        finally:
            for items in begun:
                await items.aclose()

    async def _first(self, ask: Callable[[E], Awaitable[T]], patience_s: float, did: list[str]) -> tuple[Provider[E], T]:
        """Who answers first, and what."""
        left = [provider for provider in self._all if provider.engine is not None]
        last = left[-1]
        running: dict[asyncio.Task[T], Provider[E]] = {}
        failure: ProviderError | None = None
        try:
            while True:
                provider = self._next(left, beside=bool(running))
                if provider is None and not running:
                    if failure is not None:
                        raise failure
                    provider = last  # All of them rest.
                if provider is not None:
                    if running:
                        did.append(f"{', '.join(slow.name for slow in running.values())} was late: asked {provider.name} too")
                        self._figures.count(of.PROVIDER_HEDGES, provider.name)
                    self._figures.count(of.PROVIDER_REQUESTS, provider.name)
                    running[asyncio.create_task(self._timed(ask, cast(E, provider.engine)))] = provider
                patience = patience_s if left and left[0].hedges else None
                done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in running if task in done]:
                    error = _error(task)
                    if error is None:
                        return running[task], task.result()
                    failure = self._failed(running.pop(task), error)
        finally:
            for task in running:
                task.cancel()
                task.add_done_callback(_error)  # Of no interest any more, but to be looked at.

    def _next(self, left: list[Provider[E]], *, beside: bool) -> Provider[E] | None:
        """Takes from those that are left the next one that may be asked, alone or beside another. Each is looked at when its
        turn comes: a probe is spent only where it is made."""
        while left and (left[0].hedges or not beside):
            provider = left.pop(0)
            if provider.breaker.allows(time.monotonic()):
                return provider
        return None

    async def _timed(self, ask: Callable[[E], Awaitable[T]], engine: E) -> T:
        async with asyncio.timeout(self._timeout_s):
            return await ask(engine)

    def _failed(self, provider: Provider[E], error: BaseException) -> ProviderError:
        failure = _as_provider_error(provider.name, error)
        self._figures.count(of.PROVIDER_FAILURES, provider.name)
        if failure.code not in _REQUESTS_FAULT:
            provider.breaker.failed(failure.message, time.monotonic())
        log.warning("provider %s failed: %s", provider.name, failure)
        return failure


def _error(task: asyncio.Task[Any]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _as_provider_error(name: str, error: BaseException) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("provider_timeout", f"{name} did not answer in time")
    # An engine's own surprise: its text may hold what the caller said, so only its kind and place are told.
    place = "".join(traceback.format_tb(error.__traceback__))
    log.error("provider %s broke: %s\n%s", name, type(error).__name__, place)
    return ProviderError("provider_failed", f"{name} broke ({type(error).__name__})")
