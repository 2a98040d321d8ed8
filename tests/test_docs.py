"""The documents say what the code says."""

from pathlib import Path

from pipeline.figures import METRICS
from pipeline.notices import ForCaller
from pipeline.states import diagram
from pipeline.wires import native

DOCS = Path(__file__).parent.parent / "docs"


def test_the_drawing_of_the_states_is_the_table() -> None:
    assert diagram() in (DOCS / "conversation.md").read_text(encoding="utf-8")


def test_every_figure_is_explained() -> None:
    lines = (DOCS / "metrics.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| `parley_")]
    found = [(row[0].strip("| `"), row[1], row[3].removesuffix(" |")) for row in rows]
    assert found == [(metric.name, metric.kind.value, metric.meaning) for metric in METRICS.values()]


def test_the_wire_names_every_message() -> None:
    wire = (DOCS / "wire.md").read_text(encoding="utf-8")
    assert [name for name in native._TYPES.values() if f"`{name}`" not in wire] == []
    assert set(native._TYPES) == set(ForCaller.__args__)
