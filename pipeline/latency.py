"""Where the time of one turn went, from the caller's last sound to the first sound of the reply.

Stages report what they took themselves; what remains of the total is overhead: waiting, messages, and our own code.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """A turn's report, in milliseconds; its parts add up to its total."""

    endpoint_ms: int
    """Until the turn was known to have ended."""
    asr_ms: int
    llm_ms: int
    """Until the first phrase was complete."""
    tts_ms: int
    """Until the first sound."""
    overhead_ms: int
    total_ms: int


@dataclass(slots=True)
class TurnClock:
    """Gathers what a turn took while it happens."""

    silent_since: float
    """When the caller's last sound arrived, or a typed turn did."""
    ended_at: float
    """When the turn was known to have ended."""
    asr_s: float = 0.0
    llm_s: float = 0.0
    tts_s: float = 0.0

    def report(self, sounded_at: float) -> Latency:
        endpoint = round(1000 * (self.ended_at - self.silent_since))
        asr, llm, tts = (round(1000 * seconds) for seconds in (self.asr_s, self.llm_s, self.tts_s))
        total = round(1000 * (sounded_at - self.silent_since))
        return Latency(endpoint, asr, llm, tts, total - endpoint - asr - llm - tts, total)
