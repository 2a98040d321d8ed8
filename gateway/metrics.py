"""`GET /metrics`: the figures of the whole cluster in Prometheus' text format, from whichever gateway replica is asked.

Every series says of which process it is, and of which pool that is part; what concerns the cluster as such has neither.
"""

from collections.abc import Awaitable, Callable, Iterator
from itertools import accumulate
from typing import Any, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.gatherer import Gathered
from gateway.guard import Guard
from gateway.rest import refusal
from pipeline import figures as of
from pipeline.errors import ClientError
from pipeline.figures import METRICS, Figures, Kind, Report, Spread

_WHOSE = ("pool", "process")
_NAMED = {Kind.COUNTER: CounterMetricFamily, Kind.GAUGE: GaugeMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}

Look = Callable[[], Awaitable[tuple[dict[str, Any], Gathered]]]
"""Gives the picture of `/health`, and what it was drawn from."""


class Metrics:
    """The address in one gateway replica."""

    def __init__(self, guard: Guard, look: Look) -> None:
        self._guard = guard
        self._look = look

    def route(self) -> Route:
        return Route("/metrics", self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        try:
            await self._guard.admit_operator(request.scope)
        except ClientError as error:
            return refusal(error)
        picture, gathered = await self._look()
        body = text(gathered.reports(), of_cluster(picture))
        return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def of_cluster(picture: dict[str, Any]) -> Figures:
    """What is known of the cluster, and not of a process."""
    figures = Figures()
    figures.put(of.BUILD, 1, picture["version"])
    for pool, state in picture["stages"].items():
        figures.put(of.REPLICAS_WANTED, state["replicas"], pool)
        figures.put(of.REPLICAS, state["alive"], pool)
        figures.put(of.QUEUE_DEPTH, state["queue_depth"], pool)
    return figures


def text(reports: list[Report], cluster: Figures) -> bytes:
    return generate_latest(cast(CollectorRegistry, _Collected(reports, cluster)))


class _Collected:
    """What a scrape is made from."""

    def __init__(self, reports: list[Report], cluster: Figures) -> None:
        self._reports = reports
        self._cluster = cluster.snapshot()

    def collect(self) -> Iterator[Metric]:
        for name, metric in METRICS.items():
            family: Any = None
            for labels, series, whose in self._series(name):
                if family is None:
                    family = _NAMED[metric.kind](name, metric.meaning, labels=[*metric.labels, *(_WHOSE if whose else ())])
                if isinstance(series, Spread):
                    bounds = [*map(repr, metric.buckets), "+Inf"]
                    family.add_metric(labels, list(zip(bounds, accumulate(series.counts), strict=True)), series.total)
                else:
                    family.add_metric(labels, series)
            if family is not None:
                yield family

    def _series(self, name: str) -> Iterator[tuple[list[str], float | Spread, bool]]:
        """Of one metric: labels, value, and whether they say whose it is."""
        if name in self._cluster:
            yield from (([*labels], value, False) for labels, value in self._cluster[name].items())
            return
        for report in self._reports:
            for labels, value in report.figures.get(name, {}).items():
                yield [*labels, report.pool, report.process], value, True
