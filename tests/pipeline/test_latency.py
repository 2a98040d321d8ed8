from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from pipeline.latency import Latency, TurnClock

SECONDS = st.floats(0, 20)


def test_a_report_in_milliseconds() -> None:
    clock = TurnClock(silent_since=10.0, ended_at=10.5)
    clock.spent("asr", 0.0804, 10.5804)
    clock.spent("llm", 0.1496, 10.74)
    clock.spent("tts", 0.06, 10.8)
    assert clock.report(10.81) == Latency(endpoint_ms=500, asr_ms=80, llm_ms=150, tts_ms=60, overhead_ms=20, total_ms=810)


def test_of_a_stage_only_that_counts_which_kept_the_caller_waiting() -> None:
    clock = TurnClock(silent_since=10.0, ended_at=10.5)
    clock.spent("asr", 2.6, 10.6)  # it was asked long before the turn ended
    clock.spent("llm", 0.5, 10.7)  # it was asked while the words were not sure
    assert clock.report(10.7) == Latency(endpoint_ms=500, asr_ms=100, llm_ms=100, tts_ms=0, overhead_ms=0, total_ms=700)


@given(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_parts_add_up_to_the_total(endpoint: float, asr: float, llm: float, tts: float, rest: float) -> None:
    now = 100.0 + endpoint
    clock = TurnClock(100.0, now)
    for stage, took_s in (("asr", asr), ("llm", llm), ("tts", tts)):
        now += took_s
        clock.spent(stage, took_s, now)
    report = clock.report(now + rest)
    *parts, total = astuple(report)
    assert sum(parts) == total
    assert abs(report.overhead_ms - 1000 * rest) <= 3
