"""How a server came through a chaos run: what became of the turns, and how long each kind of stroke kept callers waiting. Pure.

A turn is put down to the last stroke that fell before its reply was due, but to a later one if the silence was in the reply.
What callers waited extra is beyond the median of the turns before the first stroke; silence within a reply counts too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.hearing import Fault, Question
from bench.measure import percentiles
from bench.strokes import Kind, Stroke
from bench.targets import Verdict

SHADOW_S = 2.0
"""How long after a stroke a turn that begins is still put down to it."""
PATIENCE_S = 12.0
"""A turn that was not answered by then is lost."""
FELT_S = 0.25
"""Extra wait from which a turn counts as delayed: what callers notice, and more than a busy machine does by itself."""
LIMITS_S = {kind: 2.0 for kind in Kind if kind is not Kind.FROZEN} | {Kind.GATEWAY: 3.0}
"""Extra wait at the 95th percentile; callers of a gateway wait a second before they come back. A frozen part has no limit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what became of it."""

    caller: int
    begun_at: float
    asked_at: float
    wait_s: float | None
    silent_s: float
    """What of it was in the middle of the reply."""
    over_at: float | None
    """When the reply had been heard."""
    faults: frozenset[Fault]

    @classmethod
    def of(cls, caller: int, question: Question, reply_bytes: int) -> "Turn":
        assert question.asked_at is not None
        times = (question.begun_at, question.asked_at, question.wait_s, question.silent_s, question.over_at)
        return cls(caller, *times, question.faults(reply_bytes))


@dataclass(frozen=True, slots=True)
class Toll:
    """What the strokes of one kind cost."""

    kind: Kind | None
    """None for turns that no stroke fell on."""
    strokes: int
    turns: int
    lost: int
    doubled: int
    out_of_order: int
    wrong_length: int
    extra_p50_s: float | None
    extra_p95_s: float | None
    recovered_s: float | None
    """From a stroke to the end of the last silence that it caused; the longest."""
    replaced_s: float | None
    """Until there was a process in the place of the dead one; the longest."""
    verdict: Verdict
    """Of the extra wait."""


def usual_wait_s(turns: Iterable[Turn], first_stroke_at: float) -> float | None:
    """The median of turns that were over before anything happened."""
    calm = [turn.wait_s for turn in turns if turn.wait_s is not None and (turn.over_at or first_stroke_at) < first_stroke_at]
    return median(calm) if calm else None


def put_down(turn: Turn, strokes: Sequence[Stroke], usual_s: float) -> Stroke | None:
    """The stroke that a turn is put down to; `strokes` in their order."""
    due = turn.asked_at + usual_s
    over = turn.over_at if turn.over_at is not None else turn.asked_at + PATIENCE_S
    near = [stroke for stroke in strokes if stroke.at <= over and stroke.until >= turn.begun_at - SHADOW_S]
    before = [stroke for stroke in near if stroke.at <= due]
    began_late = turn.wait_s is None or turn.wait_s - turn.silent_s - usual_s > FELT_S
    if before and (began_late or turn.silent_s <= FELT_S):
        return before[-1]
    return near[-1] if near else None


def tolls(turns: Sequence[Turn], strokes: Sequence[Stroke], usual_s: float) -> list[Toll]:
    """One of each kind that was struck, and one of the turns in between."""
    blamed = [(put_down(turn, strokes, usual_s), turn) for turn in turns]
    kinds = [kind for kind in Kind if any(stroke.kind is kind for stroke in strokes)]
    found = [_toll(kind, [pair for pair in blamed if pair[0] and pair[0].kind is kind], strokes, usual_s) for kind in kinds]
    return [*found, _toll(None, [pair for pair in blamed if pair[0] is None], strokes, usual_s)]


def _toll(kind: Kind | None, blamed: list[tuple[Stroke | None, Turn]], strokes: Sequence[Stroke], usual_s: float) -> Toll:
    turns = [turn for _, turn in blamed]
    extra = [extra_s(turn, usual_s) for turn in turns if turn.wait_s is not None]
    p50, p95 = percentiles(extra, 50, 95)
    own = [stroke for stroke in strokes if stroke.kind is kind]
    ends = [
        max(turn.asked_at + turn.wait_s - stroke.at, 0.0)
        for stroke, turn in blamed
        if stroke is not None and turn.wait_s is not None and extra_s(turn, usual_s) > FELT_S
    ]
    replaced = [stroke.replaced_s for stroke in own if stroke.replaced_s is not None]
    longest = max(ends, default=0.0 if own else None)
    recovered = None if longest is None else round(longest, 2)
    return Toll(
        kind,
        strokes=len(own),
        turns=len(turns),
        lost=_with(Fault.LOST, turns),
        doubled=_with(Fault.DOUBLED, turns),
        out_of_order=_with(Fault.OUT_OF_ORDER, turns),
        wrong_length=_with(Fault.WRONG_LENGTH, turns),
        extra_p50_s=p50,
        extra_p95_s=p95,
        recovered_s=recovered,
        replaced_s=max(replaced, default=None),
        verdict=_verdict(kind, p95),
    )


def _with(fault: Fault, turns: Sequence[Turn]) -> int:
    return sum(fault in turn.faults for turn in turns)


def extra_s(turn: Turn, usual_s: float) -> float:
    return max((turn.wait_s or 0.0) - usual_s, 0.0)


def _verdict(kind: Kind | None, p95: float | None) -> Verdict:
    limit = None if kind is None else LIMITS_S.get(kind)
    if limit is None or p95 is None:
        return Verdict.UNKNOWN
    return Verdict.MET if p95 <= limit else Verdict.MISSED


def count(turns: Iterable[Turn]) -> dict[str, int]:
    """How many turns had which fault, and how many had none."""
    every = list(turns)
    return {
        "asked": len(every),
        "answered once": sum(not turn.faults for turn in every),
        **{str(fault): _with(fault, every) for fault in Fault},
    }


def none_lost(counts: dict[str, int]) -> Verdict:
    return Verdict.MET if counts["asked"] and not counts[Fault.LOST] else Verdict.MISSED


def none_doubled(counts: dict[str, int]) -> Verdict:
    return Verdict.MET if counts["asked"] and not counts[Fault.DOUBLED] else Verdict.MISSED
