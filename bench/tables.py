"""What a run of the suite looks like on the screen: each figure of Parley, and how many times the floor's it is."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from bench.arrivals import Ramp
from bench.measure import Report
from bench.targets import TARGETS, Comparison, Judgement, Side, Verdict, judge, ratio

_COLOURS = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.UNKNOWN: "yellow"}
_HEADINGS = ("talking", "held", "once / asked", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "cores", "open p50", "open p95", "MB")


def held(report: Report | None) -> str:
    if report is None:
        return "-"
    if not report.valid:
        return "[yellow]late[/]"
    return "[green]yes[/]" if report.held else "[red]no[/]"


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def beside(ours: float | None, floors: float | None, digits: int = 1) -> str:
    """A figure and its ratio to the floor's."""
    times = ratio(ours, floors)
    return number(ours, digits) if times is None else f"{number(ours, digits)} [cyan]{times:.1f}x[/]"


def everything(comparison: Comparison, note: str) -> RenderableType:
    legend = (
        "p50, p95, p99: milliseconds over the serial ideal, from the question's last sound to the reply's first. CPU: of all "
        "processes of the server, a conversation and second, beyond their idle cost. MB: grown by, a conversation. "
        "Held: Parley / the floor; `late` means that the callers were, so that the run tells nothing."
    )
    calm = _small(comparison)
    judged = _judged(judge(target, comparison) for target in TARGETS)
    ramp = [] if comparison.parley.ramp is None else [arriving(comparison.parley.ramp), ""]
    return Group(_talking(comparison), f"[dim]{legend} {note}[/]\n", calm, *ramp, judged)


def arriving(ramp: Ramp) -> RenderableType:
    """What became of callers who came one after another."""
    table = Table(title=f"{ramp.came} callers come one after another, in {ramp.coming_s:g} s", box=SIMPLE_HEAD)
    for heading in ("from s", "inside", "once / asked", "p50 ms", "p95 ms", "p99 ms", "callers late", "callers' cores"):
        table.add_column(heading, justify="right")
    for one in ramp.slices:
        overhead = (one.overhead_p50_ms, one.overhead_p95_ms, one.overhead_p99_ms)
        table.add_row(
            f"{one.begins_s:g}",
            str(one.inside),
            f"{one.answered_once} / {one.asked}",
            *(number(figure, 0) for figure in overhead),
            f"{number(one.late_p99_ms)} ms",
            number(one.caller_cores, 2),
        )
    verdict = "[yellow]the callers were late, so that this tells nothing[/]"
    if ramp.valid:
        verdict = (
            "[green]those inside kept their quality[/]" if ramp.held else "[red]those inside did not keep their quality[/]"
        )
    return Group(
        table,
        f"{ramp.admitted} were let in, {ramp.left_out} found no room ({ramp.refusals} refusals), {ramp.failed} failed, "
        f"{ramp.cut} were cut off. Worst p95 {number(ramp.worst_p95_ms, 0)} ms: {verdict}.",
        "[dim]The callers share the processors with the server: what they take is missing there, more with each of them.[/]",
    )


def _talking(comparison: Comparison) -> Table:
    table = Table(title="Parley, and how many times the floor", box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for report in comparison.parley.reports:
        table.add_row(*_row(report, comparison.floor.at(report.conversations)))
    return table


def _row(ours: Report, floors: Report | None) -> Iterable[str]:
    def figure(name: str, digits: int = 1) -> str:
        return beside(getattr(ours, name), getattr(floors, name, None), digits)

    return (
        str(ours.conversations),
        f"{held(ours)} / {held(floors)}",
        f"{ours.answered_once} / {ours.asked}",
        *(figure(f"overhead_p{rank}_ms", 0) for rank in (50, 95, 99)),
        figure("cpu_ms"),
        figure("cores", 2),
        *(figure(f"open_p{rank}_ms") for rank in (50, 95)),
        figure("memory_mb", 2),
    )


def _small(comparison: Comparison) -> Table:
    """What has one figure a server."""
    table = Table(title="With few, and with many at once")
    table.add_column("")
    for heading in ("Parley", "the floor"):
        table.add_column(heading, justify="right")
    for name, ours, floors in zip(_NAMES, _figures(comparison.parley), _figures(comparison.floor), strict=True):
        table.add_row(name, ours, floors)
    return table


_NAMES = (
    "cores, nobody there",
    "cores, one quiet conversation",
    "ping on /ws, p50 / p99 ms",
    "came within a second, accepted",
    "their time to open, p50 / p95 ms",
)


def _figures(side: Side) -> tuple[str, ...]:
    calm, burst = side.calm, side.burst
    rest = ("-",) * 3 if calm is None else (
        number(calm.idle_cores, 3),
        number(calm.quiet_cores, 3),
        f"{number(calm.ping_p50_ms, 2)} / {number(calm.ping_p99_ms, 2)}",
    )  # fmt: skip
    many = ("-",) * 2 if burst is None else (
        f"{burst.accepted} of {burst.came}",
        f"{number(burst.open_p50_ms)} / {number(burst.open_p95_ms)}",
    )  # fmt: skip
    return (*rest, *many)


def _judged(judgements: Iterable[Judgement]) -> Table:
    table = Table(title="Targets")
    table.add_column("")
    for heading in ("wanted", "measured", ""):
        table.add_column(heading, justify="right")
    for judgement in judgements:
        target = judgement.target
        measured = "-" if judgement.measured is None else f"{judgement.measured:.4g} {target.unit}".strip()
        verdict = f"[{_COLOURS[judgement.verdict]}]{judgement.verdict}[/]"
        table.add_row(target.name, f"{target.limit} {target.figure:g} {target.unit}".strip(), measured, verdict)
    return table
