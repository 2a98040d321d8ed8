"""Hints are whole sentences, in order, and not too many."""

from actors.engines.hints import LONGEST_HINT, hint_text


def test_phrases_become_sentences() -> None:
    assert hint_text(["what are your hours?", " book a table ", "", "yes."]) == "what are your hours? book a table. yes."


def test_only_whole_phrases_fit() -> None:
    hint = hint_text(f"this is sentence number {number}" for number in range(1000))
    assert LONGEST_HINT - 30 < len(hint) <= LONGEST_HINT
    assert hint.endswith("number 13.")


def test_nothing_expected_is_no_hint() -> None:
    assert hint_text(()) == ""
