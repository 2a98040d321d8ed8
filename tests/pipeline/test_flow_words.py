import pytest

from pipeline.flow_words import LONGEST, SMALL_WORDS, folded, negated, says_yes, small_words, spoken, tokens


def test_words_are_compared_without_case_accents_and_punctuation() -> None:
    assert folded("¿A qué hora ABREN el Sábado?") == ("a", "que", "hora", "abren", "el", "sabado")
    assert folded("L'été, don\u2019t, Straße, o'clock, 9:30") == (
        *("l", "ete", "don", "t", "strasse", "o", "clock", "9", "30"),
    )


def test_a_word_keeps_its_place_in_the_text() -> None:
    text = "I am José."
    last = tokens(text)[-1]
    assert (last.word, text[last.start : last.end], last.pause) == ("jose", "José", True)


def test_a_long_turn_is_read_only_so_far() -> None:
    assert len(tokens("word " * 5_000)) == LONGEST


def test_a_grammar_gets_plain_words_with_accents_and_apostrophes() -> None:
    assert spoken("¿Está bien? Yes, that\u2019s RIGHT: o'clock!") == "está bien yes that's right o'clock"


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("en", "yes please", True),
        ("en", "that's right", True),
        ("en", "no", False),
        ("en", "that's not right", False),
        ("en", "on Monday", None),
        ("es", "sí, claro", True),
        ("es", "no es correcto", False),
        ("fr", "oui, d'accord", True),
        ("fr", "ce n'est pas ça", False),
        ("de", "ja, genau", True),
        ("de", "das stimmt nicht", False),
        ("it", "sì", None),
    ],
)
def test_yes_and_no(language: str, text: str, answer: bool | None) -> None:
    assert says_yes(folded(text), small_words(language)) is answer


def test_a_no_before_a_pause_denies_nothing() -> None:
    spanish = small_words("es")
    assert [negated(tokens(text), spanish) for text in ("No quiero una cita", "No, quiero una cita")] == [True, False]


def test_sentences_say_what_they_stand_for() -> None:
    for small in SMALL_WORDS.values():
        assert {says_yes(folded(sentence), small) for sentence in small.yes_sentences} == {True}
        assert {says_yes(folded(sentence), small) for sentence in small.no_sentences} == {False}
