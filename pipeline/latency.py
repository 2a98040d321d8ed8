"""Where the time of one turn went, from the caller's last sound to the first sound of the reply.

Stages report what they took themselves; of that, only what came after the turn's end and after the stage before kept the
caller waiting. What remains of the total is overhead: waiting, messages, and our own code.
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


class TurnClock:
    """Gathers what a turn took while it happens."""

    def __init__(self, silent_since: float, ended_at: float) -> None:
        self.ended_at = ended_at
        """When the turn was known to have ended."""
        self._silent_since = silent_since
        self._mark = ended_at
        self._spent = {"asr": 0.0, "llm": 0.0, "tts": 0.0}

    def spent(self, stage: str, took_s: float, now: float) -> None:
        """A stage has an answer, and took so long for it."""
        self._spent[stage] = min(took_s, max(now - self._mark, 0.0))
        self._mark = now

    def report(self, sounded_at: float) -> Latency:
        endpoint = round(1000 * (self.ended_at - self._silent_since))
        asr, llm, tts = (round(1000 * seconds) for seconds in self._spent.values())
        total = round(1000 * (sounded_at - self._silent_since))
        return Latency(endpoint, asr, llm, tts, total - endpoint - asr - llm - tts, total)
