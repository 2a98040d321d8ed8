"""The documents say what the code says."""

from pathlib import Path

from pipeline.notices import ForCaller
from pipeline.states import diagram
from pipeline.wires import native

DOCS = Path(__file__).parent.parent / "docs"


def test_the_drawing_of_the_states_is_the_table() -> None:
    assert diagram() in (DOCS / "conversation.md").read_text(encoding="utf-8")


def test_the_wire_names_every_message() -> None:
    wire = (DOCS / "wire.md").read_text(encoding="utf-8")
    assert [name for name in native._TYPES.values() if f"`{name}`" not in wire] == []
    assert set(native._TYPES) == set(ForCaller.__args__)
