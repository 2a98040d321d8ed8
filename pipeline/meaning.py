"""When two transcripts of one turn mean the same.

They do when their normalised words are equal, in order. Normalising, in this order:

1. Noises in brackets go; case, accents and punctuation go, and an apostrophe parts words.
2. Sounds of thinking go (`um`, `eh`, `euh`, `äh`), however long. Words that can also mean something, such as `well`, stay.
3. Contractions are written out: `what's` is `what is`, `don't` and `dont` are `do not`.
4. Numbers from nought to twenty are digits: `ten` is `10`. Three digits or more in one word are read one by one, so `555` is
   `five five five`, and an `oh` beside a digit is a nought.

Nothing else is the same: another word, another order or a word more makes it another meaning. So a reply that was prepared is
rather thrown away once too often.
"""

import unicodedata
from collections.abc import Container, Iterable

from pipeline.backchannels import without_noise
from pipeline.completeness_words import is_hum, turn_words
from pipeline.flow_words import folded
from pipeline.spoken_numbers import number_words, value

_SINGLE = {
    "en": {
        "dont": "do not",
        "doesnt": "does not",
        "didnt": "did not",
        "isnt": "is not",
        "wasnt": "was not",
        "wont": "will not",
        "cant": "can not",
        "cannot": "can not",
        "wouldnt": "would not",
        "couldnt": "could not",
        "im": "i am",
        "ive": "i have",
        "whats": "what is",
        "thats": "that is",
        "lets": "let us",
        "gonna": "going to",
        "wanna": "want to",
        "okay": "ok",
    },
    "es": {"okay": "ok", "del": "de el", "al": "a el"},
    "fr": {"okay": "ok"},
    "de": {
        "okay": "ok",
        "gehts": "geht es",
        "gibts": "gibt es",
        "hab": "habe",
        "im": "in dem",
        "zum": "zu dem",
        "zur": "zu der",
    },
}
"""Words that stand for several."""
_AFTER_APOSTROPHE = {
    "en": {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"},
    "de": {"s": "es"},
}
"""What an apostrophe leaves, wherever it stands behind another word."""
_NOT = {
    **{
        f"{verb}n": verb
        for verb in ("do", "does", "did", "is", "are", "was", "were", "have", "has", "had", "would", "could", "should", "must")
    },
    "won": "will",
    "can": "can",
}
"""What stands before the `t` of an English `n't`."""
_IS = frozenset({"what", "that", "it", "there", "here", "where", "who", "how", "when", "he", "she"})
"""Words after which an English `s` is an `is`."""


def normalised(text: str, language: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    table = turn_words(language)
    # Piece by piece, because only so many words of one text are folded.
    pieces = unicodedata.normalize("NFKC", without_noise(text)).split()
    words = (word for piece in pieces for word in folded(piece) if not is_hum(word, table))
    return tuple(_digits(_written_out(words, language), language))


def same_meaning(a: str, b: str, language: str) -> bool:
    """Whether two transcripts count as the same, by the rules above."""
    return a == b or normalised(a, language) == normalised(b, language)


def _written_out(words: Iterable[str], language: str) -> list[str]:
    single = _SINGLE.get(language, {})
    after = _AFTER_APOSTROPHE.get(language, {})
    out: list[str] = []
    before = ""
    for word in words:
        if language == "en" and word == "t" and before in _NOT:
            out[-1:] = [_NOT[before], "not"]
        elif language == "en" and word == "s" and before in _IS:
            out.append("is")
        elif language == "en" and word == "s" and before == "let":
            out.append("us")
        elif before and word in after:
            out.append(after[word])
        else:
            out += single.get(word, word).split()
        before = word
    return out


def _digits(words: list[str], language: str) -> list[str]:
    other = number_words(language).digits
    out: list[str] = []
    for at, word in enumerate(words):
        number = value(word, language)
        if number is not None:
            out.append(str(number))
        elif word.isdecimal() and len(word) > 2:
            out += word
        elif word in other and (_is_digit(out[-1:], language) or _is_digit(_after(words[at:], other), language)):
            out.append(str(other[word]))
        else:
            out.append(word)
    return out


def _after(words: list[str], skipped: Container[str]) -> list[str]:
    """The first of the words that is not to be skipped."""
    return [word for word in words if word not in skipped][:1]


def _is_digit(words: list[str], language: str) -> bool:
    return any(word.isdecimal() or value(word, language) is not None for word in words)
