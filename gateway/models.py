"""`GET /v1/models`: what this server answers with, in the shape that OpenAI's clients read.

Each provider that is there is one entry, `STAGE-NAME`; `parley` is all of them together, a conversation. A request may name any
model: which provider answers is the server's choice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.rest import refusal
from pipeline.errors import ClientError

CONVERSATION = "parley"

Providers = Mapping[str, Sequence[Mapping[str, str]]]
"""Of each stage, the states of its providers: their `name`, and `state`."""


class Models:
    """The addresses in one gateway replica."""

    def __init__(self, providers: Callable[[], Providers]) -> None:
        self._providers = providers
        self._created = int(time.time())

    def routes(self) -> list[Route]:
        return [Route("/models", self._all, methods=["GET"]), Route("/models/{id:path}", self._one, methods=["GET"])]

    async def _all(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._entry(name) for name in self._names()]})

    async def _one(self, request: Request) -> Response:
        name: str = request.path_params["id"]
        if name in self._names():
            return JSONResponse(self._entry(name))
        return refusal(ClientError("model_not_found", "there is no such model; /v1/models lists those that there are", "model"))

    def _names(self) -> list[str]:
        stages = self._providers()
        there = [
            f"{stage}-{provider['name']}"
            for stage in sorted(stages)
            for provider in stages[stage]
            if provider["state"] != "unavailable"
        ]
        return [CONVERSATION, *there]

    def _entry(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": "parley"}
