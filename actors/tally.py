"""What a shard counts of its conversations: it reads what they tell their clients, and nothing else of them.

Turns that were answered are kept for a while, so that whoever watches can fetch those that it has not seen. They hold no words,
unless `dashboard.transcripts` says so, and nobody can tell from them whose turns they were.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from pipeline import figures as of
from pipeline.config import Config
from pipeline.figures import Figures, Report, Snapshot
from pipeline.notices import Failed, Heard, Interrupted, Notice, Said, TurnReport, WentOn
from pipeline.quality import score
from pipeline.speculation import Books

_TURNS_KEPT = 512
_REPORTS_KEPT_S = 15.0
"""A process that has said nothing for so long is gone."""
_PART_ENDING = "_ms"


class Turn(NamedTuple):
    """A turn that was answered."""

    at: float
    """When its reply began to sound, in seconds since 1970."""
    number: int
    parts_ms: dict[str, int]
    """Of its latency, in the order in which they pass."""
    total_ms: int
    met: str
    prepared: bool
    late: tuple[str, ...]
    did: tuple[str, ...]
    quality: float
    heard: str = ""
    """What the caller said."""
    said: str = ""
    """How the reply begins."""


class Standing(NamedTuple):
    """How a shard or a VAD actor stands, for whoever gathers."""

    status: dict[str, Any]
    figures: Snapshot
    others: tuple[Report, ...] = ()
    """What processes that nobody asks have said of themselves."""
    turns: tuple[Turn, ...] = ()


@dataclass(slots=True)
class _Spoken:
    """What is known of the turn that a conversation is at."""

    confidence: float | None = None
    heard: str = ""
    said: str = ""
    away: bool = False
    """Whether the caller went away, which holds a reply as a sound does."""


class Tally:
    def __init__(self, config: Config) -> None:
        self._budget = config.budget
        self._transcripts = config.dashboard.transcripts
        self._spoken: dict[int, _Spoken] = {}
        self._turns: deque[Turn] = deque(maxlen=_TURNS_KEPT)
        self._others: dict[str, tuple[float, Report]] = {}
        self.figures = Figures()
        for metric in (of.ENDED, of.INTERRUPTIONS, of.SOUNDS, of.DROPPED):
            self.figures.put(metric, 0)
        for met in ("target", "ceiling", "neither"):
            self.figures.put(of.TURNS, 0, met)

    # Conversations

    def told(self, caller: int, notice: Notice) -> None:
        match notice:
            case Heard(final=True, confidence=confidence, text=text):
                self._at(caller).confidence = confidence
                if self._transcripts:
                    self._at(caller).heard = text
            case Said(text=text) if self._transcripts:
                self._at(caller).said = text
            case TurnReport():
                self._answered(notice, self._at(caller))
            case Interrupted():
                self.figures.count(of.INTERRUPTIONS)
            case WentOn():
                spoken = self._at(caller)
                if not spoken.away:
                    self.figures.count(of.SOUNDS)
                spoken.away = False
            case Failed(code=code, fault=fault):
                self.figures.count(of.ERRORS, code, fault.value)
            case _:
                pass

    def went_away(self, caller: int) -> None:
        self._at(caller).away = True

    def ended(self, caller: int) -> None:
        self._spoken.pop(caller, None)
        self.figures.count(of.ENDED)

    def dropped(self, ms: int) -> None:
        self.figures.count(of.DROPPED, by=ms / 1000)

    def _at(self, caller: int) -> _Spoken:
        return self._spoken.setdefault(caller, _Spoken())

    def _answered(self, report: TurnReport, spoken: _Spoken) -> None:
        took = asdict(report.latency)
        total_ms = took.pop("total_ms")
        parts_ms = {name.removesuffix(_PART_ENDING): ms for name, ms in took.items()}
        quality = score(total_ms, spoken.confidence, self._budget)
        self.figures.count(of.TURNS, report.met)
        self.figures.observe(of.TURN, total_ms / 1000)
        for part, ms in parts_ms.items():
            self.figures.observe(of.PART, ms / 1000, part)
        self.figures.observe(of.QUALITY, quality)
        what = (report.met, report.speculated, report.late, report.did, quality, spoken.heard, spoken.said)
        self._turns.append(Turn(time.time(), report.turn, parts_ms, total_ms, *what))

    # Whoever watches

    def report(self, report: Report) -> None:
        """Another process has said how it stands."""
        self._others[report.process] = (time.monotonic(), report)

    def standing(self, status: dict[str, Any], books: Books, after: float, others: Sequence[Report] = ()) -> Standing:
        """How the shard stands, with the turns that were answered after a time, and others that have told it."""
        now = time.monotonic()
        self._others = {name: told for name, told in self._others.items() if now - told[0] < _REPORTS_KEPT_S}
        self._put(status, books)
        turns = tuple(turn for turn in self._turns if turn.at > after)
        others = (*others, *(report for _, report in self._others.values()))
        return Standing(status, self.figures.snapshot(), others, turns)

    def _put(self, status: dict[str, Any], books: Books) -> None:
        """What the shard keeps itself."""
        put = self.figures.put
        put(of.CONVERSATIONS, status["conversations"])
        put(of.OPENED, status["opened"])
        put(of.WINDOWS_WAITING, status["queued_windows"])
        put(of.AUDIO_WAIT, status["lag_ms"] / 1000)
        put(of.LOOP_LAG, status.get("loop_lag_ms", 0.0) / 1000)
        for stage, requests in status["at_stage"].items():
            put(of.AT_STAGE, requests, stage)
        put(of.PREPARED, books.used, "used")
        put(of.PREPARED, books.discarded, "discarded")
        put(of.CALLS, books.calls)
        put(of.WASTED_CALLS, books.wasted_calls)
        put(of.WASTED, books.wasted_s)
