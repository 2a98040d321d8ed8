"""What is counted has a good name, and a snapshot of it is plain and stays as it was."""

import pickle
import re

import pytest

from pipeline import figures as of
from pipeline.figures import METRICS, Figures, Kind, Metric, Spread, values


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_names_are_as_prometheus_wants_them(metric: Metric) -> None:
    assert re.fullmatch(r"parley(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.meaning.endswith(".")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    # A conversation's own series would be one more for each caller, for ever.
    assert not {"session", "conversation", "caller", "id", "process", "pool"} & set(metric.labels)


def test_counting_adds_up_by_labels() -> None:
    figures = Figures()
    figures.count(of.TURNS, "target")
    figures.count(of.TURNS, "target", by=2)
    figures.count(of.TURNS, "neither")
    figures.put(of.CONVERSATIONS, 5)
    figures.put(of.CONVERSATIONS, 4)
    assert figures.snapshot() == {
        "parley_turns_total": {("target",): 3, ("neither",): 1},
        "parley_conversations": {(): 4},
    }


def test_a_value_at_a_bound_is_within_it() -> None:
    figures = Figures()
    metric = Metric(Kind.HISTOGRAM, "parley_waits_seconds", "Waits.", ("part",), (0.1, 0.5))
    for value in (0.1, 0.2, 0.5, 0.6):
        figures.observe(metric, value, "llm")
    assert figures.snapshot() == {"parley_waits_seconds": {("llm",): Spread((1, 2, 1), pytest.approx(1.4))}}


def test_a_snapshot_stays_as_it_was_and_can_travel() -> None:
    figures = Figures()
    figures.count(of.OPENED)
    figures.observe(of.TURN, 0.3)
    snapshot = figures.snapshot()
    figures.count(of.OPENED)
    figures.observe(of.TURN, 0.3)
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert values(snapshot, of.OPENED) == {(): 1}
    turns = snapshot[of.TURN.name][()]
    assert isinstance(turns, Spread)
    assert sum(turns.counts) == 1


def test_what_is_cleared_has_no_series_any_more() -> None:
    figures = Figures()
    figures.put(of.PROVIDER_STATE, 1, "asr", "openai", "resting")
    figures.clear(of.PROVIDER_STATE)
    assert figures.snapshot() == {}
    assert values(figures.snapshot(), of.PROVIDER_STATE) == {}
