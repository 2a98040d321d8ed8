import pytest

from pipeline.completeness_words import LONGEST_ENDING, TURN_WORDS, TurnWords, is_hum, squeezed, turn_words
from pipeline.flow_words import SMALL_WORDS, folded


def _tables(words: TurnWords) -> list[frozenset[str]]:
    return [words.fillers, words.goes_on, words.wavers, words.ends, words.asks, words.verbs, words.heads, words.tails]


def test_the_languages_are_those_of_the_small_words() -> None:
    assert TURN_WORDS.keys() == SMALL_WORDS.keys()


@pytest.mark.parametrize("language", TURN_WORDS)
def test_words_are_folded_and_endings_short_enough_to_be_found(language: str) -> None:
    for table in _tables(turn_words(language)):
        for phrase in table:
            assert " ".join(folded(phrase)) == phrase
            assert 1 <= len(phrase.split()) <= LONGEST_ENDING


@pytest.mark.parametrize("language", TURN_WORDS)
def test_an_ending_says_one_thing(language: str) -> None:
    words = turn_words(language)
    assert words.ends & words.goes_on == frozenset()
    assert words.ends & words.wavers == frozenset()
    assert words.goes_on & words.wavers == frozenset()


@pytest.mark.parametrize("language", TURN_WORDS)
def test_what_stands_alone_would_go_on_without_its_accent(language: str) -> None:
    words = turn_words(language)
    assert {word for word in words.standing if folded(word)[0] not in words.goes_on} == set()


@pytest.mark.parametrize(
    ("language", "word", "hum"),
    [
        ("en", "um", True),
        ("en", "ummmm", True),
        ("en", "mm", True),
        ("en", "m", False),
        ("en", "umbrella", False),
        ("es", "eeeh", True),
        ("fr", "euuuh", True),
        ("de", "ahm", True),
        ("de", "um", False),
        ("de", "er", False),
        ("it", "um", False),
    ],
)
def test_hums_of_any_length(language: str, word: str, hum: bool) -> None:
    assert is_hum(word, turn_words(language)) is hum


def test_a_hum_is_squeezed_once_and_for_all() -> None:
    assert squeezed("hmmmm") == squeezed(squeezed("hmmmm")) == "hm"
