import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.phrasing import LEAST_CHARS, MOST_CHARS, Phraser

START = "Here is what I know about that. "
"""A first phrase, so that what follows is cut like any later one."""


def phrases(*deltas: str, language: str = "en") -> list[str]:
    phraser = Phraser(language)
    ready = [phrase for delta in deltas for phrase in phraser.push(delta)]
    return ready + phraser.flush()


def later(text: str, language: str = "en") -> list[str]:
    return phrases(START + text, language=language)[1:]


def test_a_sentence_ends_when_the_next_begins() -> None:
    phraser = Phraser("en")
    assert phraser.push("We are open from nine until one.") == []
    assert phraser.push(" ") == []
    assert phraser.push("Any") == ["We are open from nine until one."]
    assert phraser.push("thing else?") == []
    assert phraser.flush() == ["Anything else?"]


def test_the_first_phrase_may_be_a_clause() -> None:
    assert phrases("Of course I can, and it is free of charge. Come by any day, or call us.") == [
        "Of course I can,",
        "and it is free of charge.",
        "Come by any day, or call us.",
    ]
    assert phrases("Sure, that is possible on every day") == ["Sure, that is possible on every day"]
    assert phrases("Let me look \u2014 yes, we can do it") == ["Let me look \u2014", "yes, we can do it"]


def test_twelve_words_without_punctuation_stay_together() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"
    assert phrases(words) == [words]


def test_short_sentences_go_with_the_next() -> None:
    assert later("Yes. No. That is quite right. Good. Bye.") == ["Yes. No. That is quite right.", "Good. Bye."]


def test_colons_semicolons_and_lines_end_a_phrase() -> None:
    assert later("There are three things: the first is this; the second is that\nand this is the third") == [
        "There are three things:",
        "the first is this; the second is that",
        "and this is the third",
    ]


WHOLE = {
    "en": [
        "Ask for Dr. Smith or Mr. J. R. Jones at St. Mary Ave. or elsewhere",
        "Come at 3 p.m. Dr. Hill is in, e.g. on Monday, vs. Friday",
        "It costs 3.50 or 1,000 or 1.000,50 at 10:30 on No. 5 in the U.S. market",
        "Write to jane.doe@example.com or see https://example.com/a?b=c.d;e:f today",
        "I wonder... whether that is so\u2026 or not at all",
        "1. Open the door and wait",
        '"Is that so?" asked the man at the door',
    ],
    "es": ["La Sra. Gil y el Dr. Paz, p. ej. el lunes, viven en la Avda. Sol núm. 3 con Ud. mismo"],
    "fr": ["M. Dupont et Mme. Petit, av. Foch, c.-à-d. chez eux, etc. et ainsi de suite"],
    "de": [
        "Am 3. Mai kommt z.B. Hr. Klein bzw. Fr. Groß mit Dr. Lang usw. zu uns",
        "Das kostet 1.000,50 Euro, d. h. ca. die Hälfte, evtl. weniger, Nr. 5",
    ],
}


@pytest.mark.parametrize(("language", "text"), [(language, text) for language, texts in WHOLE.items() for text in texts])
def test_what_only_looks_like_an_end(language: str, text: str) -> None:
    assert later("\n" + text, language) == [text]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ['He said "Stop right now." He did.', "We have pens, etc. They are blue in 2024. It was I. You see it."]),
        ("es", ["¡Claro que sí, señora! ¿A qué hora quiere venir?", "«Puede venir hoy mismo.» ¡Muy bien, hasta luego!"]),
        ("fr", ["Voulez-vous venir demain ? Oui, je le veux bien.", "Il dit : « Venez donc demain ! » Et nous sommes venus."]),
        (
            "de",
            ['Sie sagte: „Kommen Sie doch." Er kam sofort.', "Es war am Montag um zehn Uhr. Er ging (nach Hause.) Und nun?"],
        ),
    ],
)
def test_sentences_end_in_every_language(language: str, sentences: list[str]) -> None:
    cut = {
        "en": ['He said "Stop right now."', "He did. We have pens, etc.", "They are blue in 2024.", "It was I. You see it."],
        "es": ["¡Claro que sí, señora!", "¿A qué hora quiere venir?", "«Puede venir hoy mismo.»", "¡Muy bien, hasta luego!"],
        "fr": [
            "Voulez-vous venir demain ?",
            "Oui, je le veux bien.",
            "Il dit : « Venez donc demain ! »",
            "Et nous sommes venus.",
        ],
        "de": [
            'Sie sagte: „Kommen Sie doch."',
            "Er kam sofort. Es war am Montag um zehn Uhr.",
            "Er ging (nach Hause.)",
            "Und nun?",
        ],
    }
    assert later(" ".join(sentences), language) == cut[language]


def test_an_opening_mark_begins_a_sentence_even_without_a_space() -> None:
    assert later("La esperamos el lunes.¿Le parece bien así?", "es") == ["La esperamos el lunes.", "¿Le parece bien así?"]


def test_a_long_sentence_is_cut_at_a_clause_or_between_words() -> None:
    clauses = "and so it goes on, " * 15
    words = "word " * 60
    assert [len(phrase) for phrase in later(clauses)] == [189, 94]
    assert [len(phrase) for phrase in later(words)] == [199, 99]
    assert [len(phrase) for phrase in later("x" * 450)] == [200, 200, 50]


def test_marks_are_not_spoken() -> None:
    assert phrases("## Hours\n\n- **Monday**: nine to *five* o'clock\n- [Map](https://a.b/c)\n\n```\n***") == [
        "Hours Monday:",
        "nine to five o'clock",
        "Map",
    ]


@pytest.mark.parametrize("nothing", ["", " \n", "***", "...", "\u2014"])
def test_nothing_to_pronounce_gives_no_phrase(nothing: str) -> None:
    assert phrases(nothing) == []


PIECES = (
    "Hello|there|Dr.|3.|p.m.|e.g.|1,000|10:30|wait...|ok?|\u00bfqué|sí!|\u00ab|\u00bb|!|(so|so)|\u2014|-|,|,|.|;|:|\n|\n\n|"
    'a@b.c|http://a.b/c.|"Yes."|**bold**|[x](y)|#|1.|Mai|z.B.|word|word|word|longerwords'
)
REPLIES = st.lists(st.sampled_from(PIECES.split("|")), max_size=80).map(" ".join)
LANGUAGES = st.sampled_from(["en", "es", "fr", "de", "it"])


@given(REPLIES, LANGUAGES, st.lists(st.integers(1, 9), min_size=1, max_size=50))
def test_any_chunking_gives_the_same_phrases(reply: str, language: str, sizes: list[int]) -> None:
    deltas: list[str] = []
    rest = reply
    while rest:
        size = sizes[len(deltas) % len(sizes)]
        deltas.append(rest[:size])
        rest = rest[size:]
    assert phrases(*deltas, language=language) == phrases(reply, language=language) == phrases(*reply, language=language)


@given(st.text(alphabet="abcdefg ABC ,.;:?!\u2026 1234 '\"()\u00bf\u00bb\n"), LANGUAGES)
def test_all_phrases_together_are_the_reply(text: str, language: str) -> None:
    spoken = "".join("".join(phrases(text + " end", language=language)).split())
    assert spoken == "".join((text + "end").split())


@given(REPLIES, LANGUAGES)
def test_phrases_are_neither_long_nor_torn(reply: str, language: str) -> None:
    found = phrases(reply, language=language)
    assert all(phrase == phrase.strip() and 0 < len(phrase) <= MOST_CHARS for phrase in found)
    assert all(len(phrase) >= LEAST_CHARS for phrase in found[1:-1])
