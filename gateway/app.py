"""The ingress: the addresses that this server answers, as one ASGI application."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from actors import names
from actors.loop_lag import LoopLag
from actors.reporting import process_name
from actors.stages import FarStages, Serve
from gateway import ray_dashboard, sockets
from gateway.about import About
from gateway.admission import Admission
from gateway.audio.speech import SpeechApi
from gateway.audio.transcriptions import Transcriptions
from gateway.calls import Calls
from gateway.counting import FIGURES
from gateway.dashboard import Dashboard, Live
from gateway.gatherer import Gathered, Gatherer
from gateway.guard import Guard, guarded
from gateway.health import HealthWatch
from gateway.link import ShardLink
from gateway.metrics import Metrics
from gateway.models import Models
from gateway.native import NativeApi
from gateway.pages import Pages
from gateway.realtime import RealtimeApi
from gateway.rest import refusal
from gateway.voices import Voices
from pipeline import figures as of
from pipeline.config import Config
from pipeline.errors import ClientError
from pipeline.figures import Report


class Gateway:
    """One ingress replica."""

    def __init__(self, config: Config, **stages: DeploymentHandle[Any]) -> None:
        self._config = config
        self._stages = stages
        self._guard = Guard(config)
        self._far = FarStages(Serve(), config.budget)
        self._voices = Voices(self._far)
        sockets.use()
        self._calls: Calls | None = None
        self._health: HealthWatch | None = None
        self._gatherer: Gatherer
        self._live: Live
        self._loop_lag = LoopLag()
        self._begin()

    def __serve_build_asgi_app__(self) -> Starlette:
        return Starlette(
            routes=[
                *Pages().routes(),
                Route("/health", self._picture),
                About(self._config, self._guard, self._watch).route(),
                Metrics(self._guard, self._look).route(),
                Dashboard(self._guard, self._all_live).route(),
                *NativeApi(self._config, self._voices, self._guard, self._watch, self._all_calls).routes(),
                guarded("/v1", self._api(), self._guard, self._config.server.cors_origins),
            ]
        )

    def _api(self) -> list[BaseRoute]:
        """What `/v1` answers, all of it behind the guard."""

        def check() -> None:
            self._all_calls().check_lateness()

        return [
            *Transcriptions(self._config, self._far, check).routes(),
            *SpeechApi(self._config, self._far, self._voices, check).routes(),
            *Models(lambda: self._watch().picture()["providers"]).routes(),
            *RealtimeApi(self._config, self._voices, self._guard, self._watch, self._all_calls).routes(),
        ]

    def _watch(self) -> HealthWatch:
        self.start()
        assert self._health is not None
        return self._health

    def _begin(self) -> None:
        """The first caller should find the ways to the shards open; outside of an event loop there are none yet."""
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            self.start()

    def start(self) -> None:
        """Runs once in the replica's event loop, before its first request."""
        if self._health is None:
            links = [ShardLink(names.actor(name), self._config) for name in names.shard_names(self._config)]
            self._loop_lag.start()
            self._calls = Calls(links, Admission(self._config, self._loop_lag))
            self._gatherer = Gatherer(self._config, self._stages, self._report)
            self._health = HealthWatch(self._config, self._gatherer)
            self._live = Live(self._config, self._health, self._gatherer, {"ray": ray_dashboard.url()})

    def _all_live(self) -> Live:
        self.start()
        return self._live

    def _report(self) -> None:
        """Tells the cluster how this replica stands."""
        FIGURES.put(of.CALLERS, self._all_calls().callers)
        FIGURES.put(of.LOOP_LAG, self._loop_lag.ms / 1000)
        self._all_calls().report(Report("gateway", process_name("gateway"), FIGURES.snapshot()))

    async def _look(self) -> tuple[dict[str, Any], Gathered]:
        """How the cluster stands now."""
        return await self._watch().look(), self._gatherer.gathered

    def _all_calls(self) -> Calls:
        self.start()
        assert self._calls is not None
        return self._calls

    async def _picture(self, request: Request) -> Response:
        """All of it for callers who may call; whether it is well for everybody, as load balancers have no key."""
        picture = await self._watch().look()
        try:
            self._guard.identify(request.scope)
        except ClientError as error:
            if error.code != "key_missing":
                return refusal(error)
            picture = {"status": picture["status"]}
        healthy = picture["status"] == "healthy"
        return JSONResponse(picture, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)
