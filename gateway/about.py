"""`GET /about`: what the page at `/` must know before anybody talks; who may not call hears why."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.guard import Guard
from gateway.realtime import Watch
from gateway.rest import refusal
from pipeline.config import Config
from pipeline.errors import ClientError, ConfigError
from pipeline.flow import Flow, flow_names, load_flow

_OPENINGS = 4
"""Sentences to begin with, of each flow and language."""


class About:
    """The address in one gateway replica."""

    def __init__(self, config: Config, guard: Guard, watch: Callable[[], Watch]) -> None:
        self._config = config
        self._guard = guard
        self._watch = watch

    def route(self) -> Route:
        return Route("/about", self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        try:
            self._guard.identify(request.scope)
        except ClientError as error:
            return refusal(error)
        budget, conversation = self._config.budget, self._config.conversation
        known = {
            "version": version("parley"),
            "providers": self._watch().answering(),
            "target_ms": budget.target_ms,
            "ceiling_ms": budget.ceiling_ms,
            "flow": conversation.flow,
            "language": conversation.language,
            "flows": self._flows(),
        }
        return JSONResponse(known, headers={"Cache-Control": "no-store"})

    def _flows(self) -> list[dict[str, Any]]:
        """Those that can be read; what is wrong with another one is told to who asks for it."""
        told: list[dict[str, Any]] = []
        for name in flow_names(self._config.flows_dir):
            try:
                told.append(_entry(name, load_flow(self._config.flows_dir, name)))
            except ConfigError:
                continue
        return told


def _entry(name: str, flow: Flow) -> dict[str, Any]:
    return {
        "name": name,
        "title": flow.title,
        "description": flow.description,
        "languages": {language: flow.openings(language)[:_OPENINGS] for language in flow.languages},
    }
