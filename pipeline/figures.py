"""What the processes of a server count and measure: every metric by its name, and the figures of one process.

Names follow Prometheus: base units (seconds), `_total` for what only grows, few labels, and never a conversation's. A process
keeps its own `Figures`; a snapshot of them is small, plain and can be pickled, and whoever gathers snapshots adds whose they
are (`pool` and `process`), so that a process which begins anew never makes another one's counter go down.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    kind: Kind
    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets; what is above them all counts too."""


_TURN_BUCKETS = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Close together around the target and the ceiling of a turn."""
_PART_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.14, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0)
_SHARE_BUCKETS = (0.25, 0.5, 0.75, 0.9, 1.0)

CONVERSATIONS = Metric(Kind.GAUGE, "parley_conversations", "Conversations that are held now.")
OPENED = Metric(Kind.COUNTER, "parley_conversations_opened_total", "Conversations that began.")
ENDED = Metric(Kind.COUNTER, "parley_conversations_ended_total", "Conversations that ended.")
TURNS = Metric(Kind.COUNTER, "parley_turns_total", "Turns that were answered, by what they met.", ("met",))
TURN = Metric(
    Kind.HISTOGRAM,
    "parley_turn_latency_seconds",
    "From the caller's last sound to the reply's first.",
    buckets=_TURN_BUCKETS,
)
PART = Metric(
    Kind.HISTOGRAM, "parley_turn_part_seconds", "What each part of a turn's latency took.", ("part",), buckets=_PART_BUCKETS
)
QUALITY = Metric(Kind.HISTOGRAM, "parley_turn_quality_ratio", "How well each turn went, from 0 to 1.", buckets=_SHARE_BUCKETS)
INTERRUPTIONS = Metric(Kind.COUNTER, "parley_interruptions_total", "Replies that the caller ended.")
SOUNDS = Metric(Kind.COUNTER, "parley_sounds_ignored_total", "Sounds over a reply that were no interruption.")
PREPARED = Metric(
    Kind.COUNTER, "parley_replies_prepared_total", "Replies prepared before a turn had surely ended, by outcome.", ("outcome",)
)
CALLS = Metric(Kind.COUNTER, "parley_provider_calls_total", "Requests to language models and voices.")
WASTED_CALLS = Metric(Kind.COUNTER, "parley_provider_calls_wasted_total", "Those whose answers were of no use.")
WASTED = Metric(Kind.COUNTER, "parley_provider_wasted_seconds_total", "Time of providers that was of no use.")
ERRORS = Metric(Kind.COUNTER, "parley_errors_total", "Errors that callers were told of.", ("code", "fault"))
DROPPED = Metric(Kind.COUNTER, "parley_audio_dropped_seconds_total", "Speech that was dropped unheard.")
WINDOWS_WAITING = Metric(Kind.GAUGE, "parley_windows_waiting", "Windows of audio that wait for voice activity detection.")
WINDOWS = Metric(Kind.COUNTER, "parley_windows_judged_total", "Windows of audio in which speech was looked for.")
AUDIO_WAIT = Metric(Kind.GAUGE, "parley_audio_wait_seconds", "How long audio waits until it is judged.")
AT_STAGE = Metric(Kind.GAUGE, "parley_stage_requests", "Requests that a stage has not answered yet.", ("stage",))
LOOP_LAG = Metric(Kind.GAUGE, "parley_event_loop_lag_seconds", "How late the event loop does what is due.")
CALLERS = Metric(Kind.GAUGE, "parley_callers", "Conversations whose callers are connected here.")
VIEWERS = Metric(Kind.GAUGE, "parley_dashboard_viewers", "Dashboards that are open.")
PROVIDER_REQUESTS = Metric(Kind.COUNTER, "parley_provider_requests_total", "Requests to a provider.", ("provider",))
PROVIDER_FAILURES = Metric(Kind.COUNTER, "parley_provider_failures_total", "Requests that a provider failed.", ("provider",))
PROVIDER_HEDGES = Metric(
    Kind.COUNTER, "parley_provider_hedges_total", "Requests to a provider because the one before it was late.", ("provider",)
)
PROVIDER_STATE = Metric(
    Kind.GAUGE, "parley_provider_state", "1 for the state in which a provider is.", ("stage", "provider", "state")
)
REPLICAS = Metric(Kind.GAUGE, "parley_replicas", "Replicas or actors that answer.", ("of",))
REPLICAS_WANTED = Metric(Kind.GAUGE, "parley_replicas_wanted", "Replicas or actors that there should be.", ("of",))
QUEUE_DEPTH = Metric(Kind.GAUGE, "parley_queue_depth", "What waits for a pool, or is held by it.", ("of",))
BUILD = Metric(Kind.GAUGE, "parley_build_info", "Always 1; the version is its label.", ("version",))

METRICS = {metric.name: metric for metric in globals().values() if isinstance(metric, Metric)}

Labels = tuple[str, ...]
"""Values of a metric's labels, in its order."""


class Spread(NamedTuple):
    """A histogram."""

    counts: tuple[int, ...]
    """In each bucket alone; the last one is for what is above all bounds."""
    total: float


Snapshot = dict[str, dict[Labels, float | Spread]]
"""The figures of a process at a moment, by the names of metrics."""


@dataclass(slots=True)
class _Histogram:
    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Figures:
    """What one process has counted and measured."""

    _values: dict[Metric, dict[Labels, float]] = field(default_factory=lambda: {})
    _histograms: dict[Metric, dict[Labels, _Histogram]] = field(default_factory=lambda: {})

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        values = self._values.setdefault(metric, {})
        values[labels] = values.get(labels, 0) + by

    def put(self, metric: Metric, value: float, *labels: str) -> None:
        """A gauge as it stands, or a counter that is kept elsewhere."""
        self._values.setdefault(metric, {})[labels] = value

    def clear(self, metric: Metric) -> None:
        """A gauge whose labels have changed is put anew."""
        self._values.pop(metric, None)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        histograms = self._histograms.setdefault(metric, {})
        histogram = histograms.get(labels)
        if histogram is None:
            histogram = histograms[labels] = _Histogram([0] * (len(metric.buckets) + 1))
        histogram.counts[bisect_left(metric.buckets, value)] += 1
        histogram.total += value

    def snapshot(self) -> Snapshot:
        values: Snapshot = {metric.name: dict(series) for metric, series in self._values.items()}
        for metric, series in self._histograms.items():
            values[metric.name] = {
                labels: Spread(tuple(histogram.counts), histogram.total) for labels, histogram in series.items()
            }
        return values


def values(snapshot: Snapshot, metric: Metric) -> dict[Labels, float]:
    """Of a counter or a gauge, by its labels."""
    series = snapshot.get(metric.name, {})
    return {labels: value for labels, value in series.items() if not isinstance(value, Spread)}


class Report(NamedTuple):
    """What a process says of itself now and then."""

    pool: str
    process: str
    figures: Snapshot
