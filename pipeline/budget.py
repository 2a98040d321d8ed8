"""The latency budget of a turn: what each stage may take, and what is done when one is late.

In this order: the next provider of the stage is asked too, and whoever answers first is taken (the stage does that, after
`patience_s`); a provider that keeps failing is left alone, so that the next one answers at once (the stage's breaker does
that); and when a turn has been over for `filler_after_ms` with nothing to hear, a word of patience is said. What was done
is told with the turn.
"""

from pipeline.config import Budget as Rules
from pipeline.latency import Latency

FILLERS = {
    "en": "One moment, please.",
    "es": "Un momento, por favor.",
    "fr": "Un instant, s'il vous plaît.",
    "de": "Einen Moment, bitte.",
}


def filler(language: str) -> str:
    """A word of patience."""
    return FILLERS.get(language, "")


def late_stages(latency: Latency, rules: Rules) -> tuple[str, ...]:
    """Stages that took more than their share."""
    spent = {"asr": latency.asr_ms, "llm": latency.llm_ms, "tts": latency.tts_ms}
    shares = {"asr": rules.asr_ms, "llm": rules.llm_ms, "tts": rules.tts_ms}
    return tuple(stage for stage, ms in spent.items() if ms > shares[stage])


def met(latency: Latency, rules: Rules) -> str:
    if latency.total_ms <= rules.target_ms:
        return "target"
    return "ceiling" if latency.total_ms <= rules.ceiling_ms else "neither"
