import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.partials import Partials, stable_prefix


@pytest.mark.parametrize(
    ("previous", "current", "stable"),
    [
        ("", "i want", ""),
        ("i want", "i want to", "i want"),
        ("i want", "I want, to", "I want,"),
        ("i want to", "i won't go", "i"),
        ("i don", "i don't", "i"),
        ("quiza si", "Quizá sí, el lunes", "Quizá sí,"),
        ("i want", "", ""),
        ("uh", "uh-huh", ""),
    ],
)
def test_what_two_hypotheses_agree_on(previous: str, current: str, stable: str) -> None:
    assert stable_prefix(previous, current) == stable


def _pushed(*hypotheses: str) -> list[str | None]:
    partials = Partials()
    return [partials.push(text) for text in hypotheses]


def test_words_come_out_once_two_agree_and_another_follows() -> None:
    assert _pushed("i", "i want", "I want an app", "i want an appointment", "i want an appointment on") == [
        *(None, "i", "i want", "i want an", "i want an appointment"),
    ]


def test_what_was_given_out_keeps_its_spelling() -> None:
    assert _pushed("hello i", "hello i want", "Hello, I want to", "Hello, I want to go") == [
        *(None, "hello i", "hello i want", "hello i want to"),
    ]


def test_a_hypothesis_that_contradicts_adds_nothing() -> None:
    assert _pushed("i want the", "i want the visit", "a want the visit to", "a want the visit to day") == [
        *(None, "i want the", None, None),
    ]


def test_growth_goes_on_when_the_words_come_back() -> None:
    assert _pushed("i want", "i want to", "we want", "i want to go", "i want to go home")[-1] == "i want to go"


_HYPOTHESES = st.lists(st.lists(st.sampled_from(["I", "i", "want,", "want", "to", "don't", "don", "-", "é"]), max_size=6))


@given(_HYPOTHESES.map(lambda texts: [" ".join(words) for words in texts]))
def test_what_is_given_out_only_grows_by_whole_words(hypotheses: list[str]) -> None:
    partials = Partials()
    given_out: list[str] = []
    for text in hypotheses:
        grown = partials.push(text)
        if grown is not None:
            words = grown.split()
            assert words[: len(given_out)] == given_out
            assert len(words) > len(given_out)
            given_out = words
        assert partials.committed.split() == given_out


@given(st.text(max_size=100), st.text(max_size=100))
def test_any_texts_have_a_stable_prefix(previous: str, current: str) -> None:
    stable = stable_prefix(previous, current).split()
    assert current.split()[: len(stable)] == stable
    assert stable_prefix(current, current).split() == current.split()
