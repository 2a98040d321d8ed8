"""A stage whose engines do as they are told, on a clock that jumps."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

import pytest

from actors import providers
from actors.providers import Providers
from pipeline.config import Stage
from pipeline.engine_settings import Settings, SimRecogniser
from pipeline.errors import ProviderError, ProviderUnavailable
from tests.fakes.fake_time import run_in_fake_time

FAILED = ProviderError("provider_failed", "the line is dead")
Plan = str | BaseException | float
"""What an engine gives, or raises, or how many seconds it takes for that."""


class Engine:
    """Does what it was told, once each, and its last plan from then on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.plans: list[list[Plan]] = [[name]]
        self.asked = 0
        self.ended_at: list[float] = []
        """When each request was over, answered or not."""

    def will(self, *plans: list[Plan]) -> None:
        self.plans = list(plans)

    async def stream(self) -> AsyncGenerator[str, None]:
        self.asked += 1
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        try:
            for step in plan:
                match step:
                    case str():
                        yield step
                    case BaseException():
                        raise step
                    case float():
                        await asyncio.sleep(step)
        finally:
            self.ended_at.append(asyncio.get_running_loop().time())

    async def answer(self) -> str:
        return "".join([item async for item in self.stream()])


class Module:
    """Stands for an engine's module: `text` names the provider, or says what it lacks."""

    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}

    def why_unavailable(self, settings: Settings) -> str | None:
        assert isinstance(settings, SimRecogniser)
        return "it has no key" if settings.text == "no key" else None

    def make(self, settings: Settings, flows_dir: Path) -> Engine:
        assert isinstance(settings, SimRecogniser)
        if settings.text == "no weights":
            raise ProviderUnavailable("it has no weights")
        return self.engines.setdefault(settings.text, Engine(settings.text))


class Setting:
    """A stage; those in `reserve` hedge nobody."""

    def __init__(
        self, module: Module, *names: str, reserve: Collection[str] = (), patience_s: float = 1_000, **stage: Any
    ) -> None:
        engines = {name: SimRecogniser(text=name, hedges=name not in reserve) for name in names}
        self.stage: Stage[Any] = Stage(providers=names, engines=engines, **stage)
        self.providers: Providers[Engine] = Providers(self.stage, Path())
        self.engines = [module.engines[name] for name in names if name in module.engines]
        self.patience_s = patience_s
        self.did: list[str] = []

    async def answer(self) -> str:
        return await self.providers.answer(lambda engine: engine.answer(), self.patience_s, self.did)

    def begin(self) -> AsyncGenerator[str, None]:
        return self.providers.stream(lambda engine: engine.stream(), self.patience_s, self.did)

    async def stream(self) -> list[str]:
        return [item async for item in self.begin()]

    async def ask(self, way: str) -> str:
        """An answer, or the items of a stream."""
        return await self.answer() if way == "answer" else "".join(await self.stream())

    async def refused(self) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.answer()
        return caught.value

    def asked(self) -> list[int]:
        return [engine.asked for engine in self.engines]

    def states(self) -> list[str]:
        return [status["state"] for status in self.providers.status()]


def installed(monkeypatch: pytest.MonkeyPatch) -> Module:
    """The module that all engines are made by from now on."""
    module = Module()
    monkeypatch.setattr(providers, "engine_module", lambda kind: module)
    return module


def in_fake_time(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run_in_fake_time(job)


async def all_others() -> None:
    """Lets those that were cancelled come to their end."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
