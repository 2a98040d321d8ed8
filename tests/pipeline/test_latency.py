from dataclasses import astuple

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.latency import Latency, TurnClock

SECONDS = st.floats(0, 20)


def test_a_report_in_milliseconds() -> None:
    clock = TurnClock(silent_since=10.0, ended_at=10.5, asr_s=0.0804, llm_s=0.1496, tts_s=0.06)
    assert clock.report(10.81) == Latency(endpoint_ms=500, asr_ms=80, llm_ms=150, tts_ms=60, overhead_ms=20, total_ms=810)


@settings(deadline=None)
@given(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_parts_add_up_to_the_total(endpoint: float, asr: float, llm: float, tts: float, rest: float) -> None:
    clock = TurnClock(100.0, 100.0 + endpoint, asr, llm, tts)
    report = clock.report(100.0 + endpoint + asr + llm + tts + rest)
    *parts, total = astuple(report)
    assert sum(parts) == total
    assert abs(report.overhead_ms - 1000 * rest) <= 3
