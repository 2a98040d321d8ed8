import pytest

from pipeline.retold import Retold


@pytest.mark.parametrize(
    ("known", "again", "expected"),
    [
        ([], ["One.", "Two."], ["One.", "Two."]),
        (["One."], ["One.", "Two.", "Three."], ["", "Two.", "Three."]),
        # Cut in other places.
        (["One.", "Two."], ["One. Two. Three.", "Four."], ["Three.", "Four."]),
        (["One. Two."], ["One.", "Two.", "Three."], ["", "", "Three."]),
        # Worded otherwise: as many phrases are left out.
        (["One.", "Two."], ["First.", "Second.", "Third.", "Fourth."], ["", "", "Third.", "Fourth."]),
        (["One.", "Two."], ["One.", "Second.", "Third."], ["", "", "Third."]),
        (["One.", "Two.", "Three."], ["One. Two.", "Drei.", "Four.", "Five."], ["", "", "", "Five."]),
        (["One."], ["One"], [""]),
        # A second telling may be the shorter one.
        (["One.", "Two."], ["One."], [""]),
        (["One."], ["One.", "One."], ["", "One."]),
    ],
)
def test_phrases(known: list[str], again: list[str], expected: list[str]) -> None:
    retold = Retold(known, phrases=True)
    assert [retold.news(phrase) for phrase in again] == expected


@pytest.mark.parametrize(
    ("known", "again", "expected"),
    [
        (["a b", " c"], ["a", " b c d", "\n e"], ["", " d", "\n e"]),
        (["a b c"], ["x y", " z w", " v"], ["", " w", " v"]),
        (["a\n"], ["a\n", "\nb"], ["", "\nb"]),
    ],
)
def test_text_in_pieces_of_any_length(known: list[str], again: list[str], expected: list[str]) -> None:
    retold = Retold(known, phrases=False)
    assert [retold.news(piece) for piece in again] == expected
