"""Reports of measurements that nobody made."""

from dataclasses import replace
from typing import Any

from bench.arrivals import Ramp, Slice
from bench.measure import Report

GOOD = Report(
    wire="ws",
    conversations=1,
    seconds=30.0,
    asked=100,
    answered_once=100,
    overhead_p50_ms=30.0,
    overhead_p95_ms=60.0,
    overhead_p99_ms=80.0,
    open_p50_ms=5.0,
    open_p95_ms=9.0,
    cpu_ms=5.0,
    idle_cores=0.1,
    cores=0.6,
    memory_mb=0.5,
    late_p99_ms=2.0,
    unopened=0,
    errors=0,
    cut=0,
)
"""Held, and everything as it should be."""

SLICE = Slice(
    begins_s=0.0,
    inside=50,
    asked=100,
    answered_once=100,
    overhead_p50_ms=40.0,
    overhead_p95_ms=90.0,
    overhead_p99_ms=120.0,
    late_p99_ms=2.0,
    caller_cores=0.1,
)
RAMP = Ramp(came=300, coming_s=90.0, admitted=240, refusals=150, failed=0, cut=0, slices=[SLICE])
"""Those inside kept their quality."""


def report(conversations: int, **other: Any) -> Report:
    return replace(GOOD, conversations=conversations, **other)
