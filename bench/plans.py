"""What a simulation is asked and what it answers."""

from dataclasses import dataclass, field

from bench.capacity import GUESSED_MODELS, MEASURED, Cost

STAGES = ("asr", "llm", "tts")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where turns wait for a model."""

    first_ms: float
    """Median time to the first answer."""
    hold_ms: float
    """Median time that a request keeps its slot, at least as long as the first answer takes."""
    tail: float = 0.3
    """How far times lie apart: deviation of their logarithm; 0 for always the same."""
    replicas: int = 1
    slots: int = 16
    """Requests at once in one replica."""
    calls: float = 1.0
    """Requests a turn on average. One of them is waited for; the others are early, unused, or for the rest of the reply."""


def _guessed(name: str, first_ms: float) -> Stage:
    model = GUESSED_MODELS[name]
    return Stage(first_ms, model.hold_ms, slots=model.slots, calls=model.calls)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated; times in seconds unless the name says otherwise."""

    conversations: float = 150
    """At once, on average."""
    length_s: float = 180
    """Mean length of a conversation."""
    speech_s: float = 3.0
    """Median length of what a caller says in a turn."""
    reply_s: float = 4.0
    """Median length of a reply."""
    pause_s: float = 1.5
    """Median time after a reply until the caller speaks."""
    spread: float = 0.5
    """How far those three lie apart: deviation of their logarithm."""
    endpoint_ms: float = 200
    """Silence after which a turn has ended."""
    cores: int = 16
    gateways: int = 1
    shards: int = 1
    """A gateway talks with every shard."""
    costs: dict[str, Cost] = field(default_factory=lambda: dict(MEASURED))
    client_ms: float = 0
    """CPU of the callers themselves, each a second, where they run on the same cores."""
    hop_ms: float = 0.2
    """From one process to another, on top of their work; fitted so that the medians of bench/results/bench.json are right on
    average."""
    stages: dict[str, Stage] = field(
        default_factory=lambda: {
            "asr": _guessed("asr", 50),
            "llm": _guessed("llm", 140),
            "tts": _guessed("tts", 60),
        }
    )
    seconds: float = 120
    """Measured; a quarter as many before that are not."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Waits:
    utilisation: float
    waited: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came out. Milliseconds of a turn over the ideal are those that no stage and no rule for a turn's end asked for."""

    pools: dict[str, Waits]
    present: float
    """Conversations at once, on average."""
    arrived: int
    turns: int
    voice_p50_ms: float
    voice_p95_ms: float
    over_p50_ms: float
    over_p95_ms: float
    extra_p95_ms: float
    """Of a turn's waits for a slot, all stages together."""
    waits_s: dict[str, list[float]] = field(repr=False)
    """Of each stage, as they were."""
