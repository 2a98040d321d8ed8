"""What Prometheus reads: promtool finds nothing to complain about, and no counter of one process is another's."""

import subprocess

from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import of_cluster, text
from pipeline import figures as of
from pipeline.figures import METRICS, Figures, Kind, Report
from tests import debian

PICTURE = {
    "version": "1.2",
    "stages": {"asr": {"replicas": 2, "alive": 1, "queue_depth": 3}, "gateway": {"replicas": 1, "alive": 1, "queue_depth": 0}},
}


def everything() -> Figures:
    """Each metric that there is, once."""
    figures = Figures()
    for metric in METRICS.values():
        labels = [f"some {label}" for label in metric.labels]
        if metric.kind is Kind.HISTOGRAM:
            figures.observe(metric, 0.3, *labels)
        else:
            figures.put(metric, 2, *labels)
    return figures


def samples(body: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(body.decode())
    return {f"{sample.name}{sorted(sample.labels.values())}": sample.value for family in families for sample in family.samples}


def test_promtool_has_nothing_to_say() -> None:
    body = text([Report("buffer", "buffer-0", everything().snapshot())], of_cluster(PICTURE))
    command = [debian.program("promtool", "prometheus"), "check", "metrics"]
    checked = subprocess.run(command, input=body, capture_output=True, check=False, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_metric_comes_out() -> None:
    body = text([Report("buffer", "buffer-0", everything().snapshot())], Figures())
    found = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE ")}
    assert found == set(METRICS)


def test_processes_stand_beside_each_other() -> None:
    one, other = Figures(), Figures()
    one.count(of.OPENED, by=5)
    other.count(of.OPENED, by=1)
    body = text([Report("buffer", "buffer-0", one.snapshot()), Report("buffer", "buffer-1", other.snapshot())], Figures())
    assert samples(body) == {
        "parley_conversations_opened_total['buffer', 'buffer-0']": 5,
        "parley_conversations_opened_total['buffer', 'buffer-1']": 1,
    }


def test_buckets_add_up() -> None:
    figures = Figures()
    for seconds in (0.27, 0.31, 60.0):
        figures.observe(of.TURN, seconds)
    found = samples(text([Report("buffer", "b", figures.snapshot())], Figures()))
    name = "parley_turn_latency_seconds_bucket"
    counts = [found[f"{name}{sorted([bound, 'b', 'buffer'])}"] for bound in ("0.25", "0.3", "0.35", "+Inf")]
    assert counts == [0, 1, 2, 3]
    assert found["parley_turn_latency_seconds_count['b', 'buffer']"] == 3


def test_what_is_of_the_cluster_is_nobodys() -> None:
    assert samples(text([], of_cluster(PICTURE))) == {
        "parley_build_info['1.2']": 1,
        "parley_replicas['asr']": 1,
        "parley_replicas['gateway']": 1,
        "parley_replicas_wanted['asr']": 2,
        "parley_replicas_wanted['gateway']": 1,
        "parley_queue_depth['asr']": 3,
        "parley_queue_depth['gateway']": 0,
    }
