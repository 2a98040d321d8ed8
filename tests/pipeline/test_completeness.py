from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.completeness import Pauses, completeness, silence_needed
from pipeline.flow import load_flow
from tests.pipeline.turn_ends import HELD_OUT, KNOWN, UNSEEN, Case

FLOWS = Path(__file__).parents[2] / "configs" / "flows"
LANGUAGES = ("en", "es", "fr", "de", "it", "")
EXPECTED = (
    "hello",
    "where are you located",
    "what are your opening hours",
    "what are your opening hours on monday",
    "i would like to make an appointment",
    "on monday",
    "monday",
    "john smith",
    "my name is john smith",
    "can you repeat that",
    "four two nine one",
)


def _is_right(case: Case) -> bool:
    return (completeness(case.text, case.language, ()) >= 0.5) is case.complete


@pytest.mark.parametrize("case", [case for cases in KNOWN.values() for case in cases], ids=lambda case: case.text)
def test_what_callers_have_said_at_a_pause(case: Case) -> None:
    assert _is_right(case), completeness(case.text, case.language, ())


def test_the_tables_are_large_enough_to_say_something() -> None:
    assert all(len(cases) >= 40 for cases in KNOWN.values())
    assert len(HELD_OUT) >= 60
    assert len(UNSEEN) >= 60


@pytest.mark.parametrize("cases", [HELD_OUT, UNSEEN], ids=["held out", "unseen"])
def test_words_that_no_rule_was_made_for_are_mostly_told_right(cases: list[Case]) -> None:
    wrong = [case for case in cases if not _is_right(case)]
    assert len(wrong) / len(cases) <= 0.1, wrong


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("where are you located", 1.0, 1.0),
        ("Where are you located?", 1.0, 1.0),
        ("um where are uh you located", 1.0, 1.0),
        ("what are your opening hours on monday", 1.0, 1.0),
        ("what are your opening hours", 0.55, 0.7),
        ("hello", 0.3, 0.45),
        ("um hello good morning", 0.3, 0.45),
        ("monday", 1.0, 1.0),
        ("monday please", 0.95, 0.99),
        ("hello on monday please", 0.95, 0.99),
        ("yes i think monday", 0.95, 0.99),
        ("i was wondering what are your opening hours", 0.85, 0.95),
        ("what are your opening hours on", 0.0, 0.1),
        ("what are", 0.0, 0.25),
        ("john", 0.0, 0.3),
        ("my name is john", 0.0, 0.4),
        ("hello my name is john", 0.0, 0.4),
        ("can you", 0.0, 0.1),
        ("monday,", 0.0, 0.1),
        ("monday um", 0.0, 0.1),
        ("monday and", 0.0, 0.1),
        ("four two nine one", 1.0, 1.0),
        ("it is four two nine one", 0.7, 1.0),
        ("it is four two nine", 0.0, 0.3),
        ("the blue door", 0.4, 0.6),
        ("elephants", 0.4, 0.5),
    ],
)
def test_what_the_flow_expects_counts_most(text: str, least: float, most: float) -> None:
    assert least <= completeness(text, "en", EXPECTED) <= most


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_expected_sentence_is_complete_and_its_beginnings_are_not(language: str) -> None:
    expected = load_flow(FLOWS, "clinic").expected(language, {})
    greetings = {"hello", "good morning", "good afternoon", "hola", "buenos días", "buenas tardes"}
    assert all(completeness(sentence, language, expected) >= 0.6 for sentence in expected if sentence not in greetings)
    whole = {tuple(sentence.split()) for sentence in expected}
    for sentence in whole:
        for end in range(2, len(sentence)):
            if sentence[:end] not in whole and sentence[:end] != ("thank", "you"):
                assert completeness(" ".join(sentence[:end]), language, expected) < 0.5 or sentence[1:end] in whole


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("qual è l'orario,", False),
        ("qual è l'orario...", False),
        ("qual è l'orario?", True),
        ("qual è l'orario", True),
        ("qual è", False),
        ("sabato", True),
    ],
)
def test_a_language_without_words_has_marks_and_expectations(text: str, complete: bool) -> None:
    assert (completeness(text, "it", ("Qual è l'orario?", "sabato")) >= 0.5) is complete


def test_no_words_tell_nothing() -> None:
    assert [completeness(text, "en", EXPECTED) for text in ("", "  ", "?!")] == [0.5] * 3


def test_a_mark_weighs_more_or_less() -> None:
    unknown, stop, question = (completeness(f"my left knee{mark}", "en", ()) for mark in ("", ".", "?"))
    assert unknown < stop < question
    assert completeness("I need to see the.", "en", ()) == completeness("i need to see the", "en", ())


def test_a_long_turn_is_judged_by_its_end() -> None:
    long = "i have been waiting for a very long time " * 300
    assert completeness(long + "because", "en", EXPECTED) < 0.2
    assert completeness(long + "what are your opening hours", "en", EXPECTED) > 0.8


@given(st.text(max_size=300), st.sampled_from(LANGUAGES), st.lists(st.text(max_size=30), max_size=5))
def test_any_text_has_a_completeness(text: str, language: str, expected: list[str]) -> None:
    assert 0 <= completeness(text, language, expected) <= 1


_WORDS = st.sampled_from(
    ["i", "m", "s", "and", "o", "one", "nineteen", "555", "19,5", "um...", "to", "a.m.", "vingt", "quatre", "y", "weil", "sí"]
)


@given(st.lists(_WORDS, max_size=12).map(" ".join), st.sampled_from(LANGUAGES))
def test_any_words_have_a_completeness(text: str, language: str) -> None:
    assert 0 <= completeness(text, language, EXPECTED) <= 1


def test_complete_words_need_the_shortest_silence_and_open_ones_the_longest() -> None:
    assert [silence_needed(share, 200, 500, 2_000) for share in (1, 0.75, 0.5, 0.25, 0)] == [200, 350, 500, 1_250, 2_000]
    assert [silence_needed(share, 200, 500, 2_000) for share in (1.5, -1)] == [200, 2_000]


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.integers(0, 10_000), min_size=3, max_size=3).map(sorted))
def test_less_complete_words_never_need_less_silence(a: float, b: float, ms: list[int]) -> None:
    shortest, usual, longest = ms
    more, less = (silence_needed(share, shortest, usual, longest) for share in (max(a, b), min(a, b)))
    assert shortest <= more <= less <= longest


def _allowance(*pauses: int) -> float:
    speaker = Pauses()
    for pause in pauses:
        speaker.add(pause)
    return round(speaker.allowance(500), 3)


def test_a_speaker_of_whom_nothing_is_known_waits_as_usual() -> None:
    assert _allowance() == 1
    assert Pauses((300,)).allowance(0) == 1


def test_a_slow_speaker_is_given_time_and_a_quick_one_less() -> None:
    assert _allowance(*[600] * 10) == 1.44
    assert _allowance(*[900] * 10) == 1.6
    assert _allowance(*[150] * 10) == 0.8


def test_little_evidence_and_one_long_search_weigh_little() -> None:
    assert _allowance(5_000) == 1.15
    assert _allowance(200, 200, 200, 200, 5_000, 200, 200, 200, 200, 200) == 0.8


def test_only_the_newest_pauses_count() -> None:
    assert _allowance(*[1_000] * 10, *[200] * 10) == _allowance(*[200] * 10)


@given(st.lists(st.integers(-10, 100_000), max_size=30), st.integers(-1, 5_000))
def test_the_allowance_has_bounds(pauses: list[int], usual_ms: int) -> None:
    speaker = Pauses()
    for pause in pauses:
        speaker.add(pause)
    assert 0.8 <= speaker.allowance(usual_ms) <= 1.6
    assert len(speaker.recent) <= 10
