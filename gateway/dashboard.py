"""`GET /dashboard/events`: how the cluster stands, as server-sent events; the page at `/dashboard` draws them.

Who begins to look gets everything with its history, and then what has changed, once a second. Each message is made once for
all who look through this replica, out of the one look that the gatherer takes, so that viewers cost next to nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from actors.tally import Turn
from gateway.board import Board, board, point
from gateway.counting import FIGURES
from gateway.gatherer import Gathered, Gatherer
from gateway.guard import Guard
from gateway.health import HealthWatch
from gateway.history import History
from gateway.rest import refusal
from pipeline import figures as of
from pipeline.config import Config
from pipeline.errors import ClientError

_LASTS_S = 120.0
"""A stream ends after a while, and the page asks again: a replica that goes, or a key that was taken back, is noticed so."""
_MOST_WAITING = 16
"""Messages that may wait for a slow reader; past that the stream ends."""
_TURNS_SHOWN = 24
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Live:
    """Keeps the history of this replica, and makes each message once."""

    def __init__(self, config: Config, watch: HealthWatch, gatherer: Gatherer, links: dict[str, str]) -> None:
        """`links` are addresses that the page shows."""
        budget = config.budget
        self._fixed = {"target_ms": budget.target_ms, "ceiling_ms": budget.ceiling_ms, "links": links}
        self._watch = watch
        self._gatherer = gatherer
        self._history = History()
        self._viewers: set[asyncio.Queue[bytes | None]] = set()
        self._now: Board = {}
        self._at_point: Board = {}
        gatherer.follow(self._take)

    async def messages(self) -> AsyncIterator[bytes]:
        """What one viewer gets."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        loop = asyncio.get_running_loop()
        with self._gatherer.watched():
            while not (await self._gatherer.newest()).at:
                pass  # Nothing has been seen yet: the cluster takes long to answer.
            self._viewers.add(queue)
            FIGURES.put(of.VIEWERS, len(self._viewers))
            end = loop.call_later(_LASTS_S, self._leave, queue)
            try:
                yield self._everything()
                while (message := await queue.get()) is not None:
                    yield message
            finally:
                end.cancel()
                self._leave(queue)

    def _leave(self, queue: "asyncio.Queue[bytes | None]") -> None:
        """It ends when it has taken what waits."""
        self._viewers.discard(queue)
        FIGURES.put(of.VIEWERS, len(self._viewers))
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(None)

    def _everything(self) -> bytes:
        turns = [*self._gatherer.turns][-_TURNS_SHOWN:]
        history = self._history.columns()
        everything = {"at": round(self._gatherer.gathered.at, 1), "fixed": self._fixed, "now": self._now}
        return _event("all", {**everything, "history": history, "turns": _shown(turns)})

    def _take(self, gathered: Gathered) -> None:
        before, turns = self._now, self._gatherer.turns
        self._now = board(self._watch.picture(), gathered, turns)
        news: dict[str, Any] = {"at": round(gathered.at, 1)}
        news["now"] = {name: section for name, section in self._now.items() if section != before.get(name)}
        if gathered.turns:
            news["turns"] = _shown(gathered.turns[-_TURNS_SHOWN:])
        if self._history.due(gathered.at):
            news["point"] = point(self._now, gathered, turns, self._at_point or self._now)
            self._history.add(news["point"])
            self._at_point = self._now
        if self._viewers:
            self._send(_event("news", news))

    def _send(self, message: bytes) -> None:
        for queue in list(self._viewers):
            if queue.full():
                self._leave(queue)
            else:
                queue.put_nowait(message)


class Dashboard:
    """The address in one gateway replica."""

    def __init__(self, guard: Guard, live: Callable[[], Live]) -> None:
        self._guard = guard
        self._live = live

    def route(self) -> Route:
        return Route("/dashboard/events", self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        try:
            await self._guard.admit_operator(request.scope)
        except ClientError as error:
            return refusal(error)
        return StreamingResponse(self._live().messages(), media_type="text/event-stream", headers=_HEADERS)


def _shown(turns: "list[Turn] | tuple[Turn, ...]") -> list[dict[str, Any]]:
    return [turn._asdict() for turn in turns]


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
