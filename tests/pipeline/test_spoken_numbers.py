import pytest

from pipeline.flow_words import SMALL_WORDS, folded
from pipeline.spoken_numbers import NUMBER_WORDS, digits, run_start, value


def test_every_language_counts_to_twenty() -> None:
    assert NUMBER_WORDS.keys() == SMALL_WORDS.keys()
    assert {len(set(numbers.counting)) for numbers in NUMBER_WORDS.values()} == {21}


@pytest.mark.parametrize("language", NUMBER_WORDS)
def test_number_words_are_folded(language: str) -> None:
    numbers = NUMBER_WORDS[language]
    words = {*numbers.counting, *numbers.digits, *numbers.tens, *numbers.large, *numbers.half, *numbers.parts}
    assert {word for word in words if folded(word) != (word,)} == set()


@pytest.mark.parametrize(
    ("language", "word", "number"),
    [
        ("en", "twelve", 12),
        ("es", "veinte", 20),
        ("fr", "zero", 0),
        ("de", "funf", 5),
        ("en", "thirty", None),
        ("it", "due", None),
    ],
)
def test_what_a_word_counts(language: str, word: str, number: int | None) -> None:
    assert value(word, language) == number


@pytest.mark.parametrize(
    ("language", "text", "run"),
    [
        ("en", "my number is five five", "five five"),
        ("en", "on monday at ten", "ten"),
        ("en", "one hundred and five", "one hundred and five"),
        ("en", "salt and five", "five"),
        ("en", "five and", ""),
        ("en", "hello", ""),
        ("es", "treinta y cuatro", "treinta y cuatro"),
        ("de", "die vierundzwanzig", "vierundzwanzig"),
        ("it", "sono 25", "25"),
        ("en", "", ""),
    ],
)
def test_the_number_at_the_end(language: str, text: str, run: str) -> None:
    words = folded(text)
    assert " ".join(words[run_start(words, language) :]) == run


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", "oh seven nine", 3),
        ("en", "twenty three", 2),
        ("en", "nineteen eighty five", 4),
        ("en", "555 1234", 7),
        ("es", "seis cinco cuatro treinta y dos", 5),
        ("es", "veintidós", 2),
        ("fr", "zéro six douze trente-quatre", 6),
        ("fr", "soixante-dix-huit quatre-vingts", 4),
        ("fr", "quatre-vingt-dix-neuf", 2),
        ("de", "null eins zwo", 3),
        ("de", "vierundzwanzig", 2),
    ],
)
def test_how_many_digits_are_said(language: str, text: str, count: int) -> None:
    assert digits(folded(text), language) == count
