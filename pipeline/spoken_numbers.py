"""Numbers as callers say them: one by one, in groups, or as a time; for four languages, in folded words.

Digits are counted roughly, as many as the words would take in writing; that is enough to see that a telephone number has only
begun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_JOINS = frozenset({"and", "y", "et", "und"})
"""May stand inside one number."""


@dataclass(frozen=True, slots=True)
class NumberWords:
    """How one language says numbers."""

    counting: tuple[str, ...]
    """From nought to twenty."""
    digits: Mapping[str, int]
    """Other words for one digit, which mean something else on their own."""
    tens: frozenset[str]
    """Words that may take one more digit after them."""
    large: frozenset[str]
    """Hundreds and thousands."""
    parts: tuple[str, ...]
    """What only numbers that are written as one word have in them."""
    multiplied: frozenset[str]
    """Two words that are the tens of one number."""
    half: frozenset[str]
    """Words that nearly always have more of the number after them."""
    announced: frozenset[str]
    """Words that announce digits, one by one."""
    lengths: frozenset[int]
    """How many digits a telephone number has."""
    at_time: frozenset[str]
    """Words before a time of day."""
    span: frozenset[str]
    """Words that open a span, which has two ends."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ENGLISH = NumberWords(
    counting=(
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
    ),
    digits={"oh": 0, "o": 0, "nought": 0},
    tens=_set("twenty thirty forty fifty sixty seventy eighty ninety"),
    large=_set("hundred thousand"),
    parts=(),
    multiplied=frozenset(),
    half=_set("double triple nineteen thousand point slash dash plus minus"),
    announced=_set("number phone telephone mobile cell code reach digits policy insurance reference"),
    lengths=frozenset({7, 10, 11}),
    at_time=_set("at by around before after until till about past to for"),
    span=_set("between from"),
)
_SPANISH = NumberWords(
    counting=(
        *("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce"),
        *("trece", "catorce", "quince", "dieciseis", "diecisiete", "dieciocho", "diecinueve", "veinte"),
    ),
    digits={"un": 1, "una": 1},
    tens=_set("treinta cuarenta cincuenta sesenta setenta ochenta noventa"),
    large=_set(
        "cien ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos mil"
    ),
    parts=("veinti",),
    multiplied=frozenset(),
    half=_set("doble triple ciento novecientos mil coma guion mas"),
    announced=_set("numero telefono movil codigo postal dni nif tarjeta poliza"),
    lengths=frozenset({9, 11}),
    at_time=_set("las la sobre hacia dia"),
    span=_set("entre"),
)
_FRENCH = NumberWords(
    counting=(
        *("zero", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"),
        *("treize", "quatorze", "quinze", "seize", "dixsept", "dixhuit", "dixneuf", "vingt"),
    ),
    digits={"une": 1},
    tens=_set("dix vingt vingts trente quarante cinquante soixante septante huitante nonante"),
    large=_set("cent cents mille"),
    parts=(),
    multiplied=frozenset({"quatre vingt", "quatre vingts"}),
    half=_set("double triple mille virgule tiret plus cent"),
    announced=_set("numero telephone portable code postal secu securite carte chiffres"),
    lengths=frozenset({10, 11}),
    at_time=_set("a vers avant apres pour"),
    span=_set("entre"),
)
_GERMAN = NumberWords(
    counting=(
        *("null", "eins", "zwei", "drei", "vier", "funf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwolf"),
        *("dreizehn", "vierzehn", "funfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig"),
    ),
    digits={"zwo": 2, "ein": 1, "eine": 1},
    tens=frozenset(),
    large=_set("hundert tausend zweitausend"),
    parts=("zwanzig", "dreissig", "vierzig", "funfzig", "sechzig", "siebzig", "achtzig", "neunzig"),
    multiplied=frozenset(),
    half=_set("doppel neunzehnhundert zweitausend tausend komma plus strich"),
    announced=_set("nummer telefonnummer handynummer telefon handy vorwahl postleitzahl versicherungsnummer"),
    lengths=frozenset({10, 11, 12}),
    at_time=_set("um gegen ab bis nach vor halb viertel"),
    span=_set("zwischen"),
)
_NOTHING = frozenset[str]()
_NONE = NumberWords((), {}, _NOTHING, _NOTHING, (), _NOTHING, _NOTHING, _NOTHING, frozenset(), _NOTHING, _NOTHING)

NUMBER_WORDS = {"en": _ENGLISH, "es": _SPANISH, "fr": _FRENCH, "de": _GERMAN}
_VALUES = {language: {word: value for value, word in enumerate(numbers.counting)} for language, numbers in NUMBER_WORDS.items()}


def number_words(language: str) -> NumberWords:
    return NUMBER_WORDS.get(language, _NONE)


def value(word: str, language: str) -> int | None:
    """What a word from nought to twenty counts; None for any other word, and for digits."""
    return _VALUES.get(language, {}).get(word)


def is_number(word: str, language: str) -> bool:
    if word[0].isdigit() or value(word, language) is not None:
        return True
    numbers = number_words(language)
    return (
        word in numbers.digits
        or word in numbers.tens
        or word in numbers.large
        or word in numbers.half
        or any(part in word for part in numbers.parts)
    )


def run_start(words: Sequence[str], language: str) -> int:
    """Where the number begins that the words end with; the end of the words if they end with none."""
    start = len(words)
    while start > 0:
        if is_number(words[start - 1], language):
            start -= 1
        elif start < len(words) and start > 1 and words[start - 1] in _JOINS and is_number(words[start - 2], language):
            start -= 2
        else:
            break
    return start


def joined(run: Sequence[str]) -> bool:
    """Whether two numbers of a run are held together by an `and`."""
    return any(word in _JOINS for word in run)


def digits(run: Sequence[str], language: str) -> int:
    """How many digits these number words would take in writing."""
    numbers = number_words(language)
    count = 0
    before = ""
    for word in run:
        if word in _JOINS:
            continue
        if f"{before} {word}" in numbers.multiplied:
            count += 1
        elif before in numbers.tens and (value(word, language) or 20) < 20:
            pass
        else:
            count += _length(word, language, numbers)
        before = word
    return count


def _length(word: str, language: str, numbers: NumberWords) -> int:
    if word[0].isdigit():
        return len(word)
    known = value(word, language)
    if word in numbers.digits or (known is not None and known < 10):
        return 1
    return 0 if word in numbers.large or (word in numbers.half and known is None) else 2
