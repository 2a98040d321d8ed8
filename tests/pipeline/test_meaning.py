import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.meaning import normalised, same_meaning

LANGUAGES = ("en", "es", "fr", "de", "it", "")


@pytest.mark.parametrize(
    ("language", "a", "b"),
    [
        ("en", "What are your opening hours?", "what are your opening hours"),
        ("en", "um, on Monday", "on uh monday"),
        ("en", "what's the price", "what is the price"),
        ("en", "whats the price", "what is the price"),
        ("en", "I don\u2019t know", "i do not know"),
        ("en", "i won't come", "I will not come"),
        ("en", "I cannot come", "i can't come"),
        ("en", "it's at ten", "It is at 10."),
        ("en", "let's see", "let us see"),
        ("en", "I'd like", "i would like"),
        ("en", "my number is five five five", "my number is 555"),
        ("en", "five oh five", "5 0 5"),
        ("en", "555-1234", "five five five one two three four"),
        ("en", "okay [noise] yes", "ok yes"),
        ("es", "¿A qué hora abren?", "a que hora abren"),
        ("es", "eh a las diez", "a las 10"),
        ("es", "seis uno cinco", "615"),
        ("fr", "Euh, l'été", "l ete"),
        ("fr", "à onze heures", "à 11 heures"),
        ("de", "Ähm, um zehn Uhr", "um 10 uhr"),
        ("de", "wie geht's", "wie geht es"),
        ("it", "Perché no?", "perche no"),
        ("en", "", " ... "),
    ],
)
def test_the_same_in_other_letters(language: str, a: str, b: str) -> None:
    assert same_meaning(a, b, language)
    assert same_meaning(b, a, language)


@pytest.mark.parametrize(
    ("language", "a", "b"),
    [
        ("en", "on monday", "on tuesday"),
        ("en", "i can come", "i can't come"),
        ("en", "on monday", "on monday morning"),
        ("en", "at ten", "at eleven"),
        ("en", "is it monday", "it is monday"),
        ("en", "yes", ""),
        ("en", "two fifteen", "twenty one five"),
        ("en", "oh no", "zero no"),
        ("en", "the doctor's", "the doctor is"),
        ("es", "este lunes", "lunes"),
        ("fr", "je peux", "je ne peux pas"),
        ("de", "um zehn", "zehn"),
        ("en", "word " * 150 + "monday", "word " * 150 + "tuesday"),
    ],
)
def test_another_meaning(language: str, a: str, b: str) -> None:
    assert not same_meaning(a, b, language)


@given(st.text(max_size=200), st.sampled_from(LANGUAGES))
def test_normalising_twice_changes_nothing(text: str, language: str) -> None:
    once = normalised(text, language)
    assert normalised(" ".join(once), language) == once


_WORDS = st.lists(
    st.sampled_from(
        ["i", "don't", "can", "t", "s", "let", "what's", "oh", "o", "ten", "555", "im", "al", "un", "d", "um", "m", "50"],
    )
)


@given(_WORDS.map(" ".join), st.sampled_from(LANGUAGES))
def test_normalising_words_twice_changes_nothing(text: str, language: str) -> None:
    once = normalised(text, language)
    assert normalised(" ".join(once), language) == once


@given(st.text(max_size=100), st.text(max_size=100), st.sampled_from(LANGUAGES))
def test_sameness_has_no_direction(a: str, b: str, language: str) -> None:
    assert same_meaning(a, a, language)
    assert same_meaning(a, b, language) is same_meaning(b, a, language)
