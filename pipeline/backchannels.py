"""What people say while they listen, as against what they say to speak.

A backchannel holds only sounds and words of listening, said any number of times: one other word makes it an interruption, and
so do `no`, `stop` and `wait`. What an engine writes down for a noise, such as `[laughter]` or `(coughs)`, is no word.
"""

import re

from pipeline.flow_words import folded

_NOISE = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|<[^<>]*>|\*[^*]*\*|\u266a[^\u266a]*\u266a?")
_SOUND = re.compile(r"(?:m+h*m*|h+m+|a*h+a+|a+h+|o+h+|u+h+|h+u+h+|u+h*u*m+|e+h+|ha(?:ha)+h?)")
"""Hums, laughs and sighs, however long."""
_LONGEST_PHRASE = 3


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _phrases(line: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in line.split(","))


_ANYWHERE = _set("ok okay okey okie mhm hm mm aha uhhuh mmhm mhmm hum wow")
_LISTENING = {
    "en": _ANYWHERE
    | _set("yes yeah yep yup yea sure right good great fine nice cool really exactly perfect alright understood indeed gotcha")
    | _phrases("i see, i understand, of course, got it, all right, that s right, that s true, oh dear, very good, fair enough"),
    "es": _ANYWHERE
    | _set("si aja claro vale bien ya bueno perfecto entiendo entendido exacto correcto cierto genial oh ah")
    | _phrases("ya veo, de acuerdo, por supuesto, claro que si, muy bien, esta bien, ya ya, eso es, lo entiendo, asi es"),
    "fr": _ANYWHERE
    | _set("oui ouais ouaip bien bon exact exactement voila parfait entendu compris certes heu euh tiens")
    | _phrases("d accord, je vois, bien sur, tres bien, c est ca, je comprends, ah bon, ca marche, tout a fait, mais oui"),
    "de": _ANYWHERE
    | _set("ja jaja jawohl genau gut klar stimmt richtig achso ach verstehe verstanden super prima schon sicher tja na")
    | _phrases("alles klar, ach so, ich verstehe, sehr gut, in ordnung, na klar, das stimmt, ah ja, naturlich, ah so"),
}


def without_noise(text: str) -> str:
    """The text without what an engine writes in brackets for something that was no speech."""
    return _NOISE.sub(" ", text)


def has_words(text: str) -> bool:
    """Whether there is any word in a text; a hum is one, a noise in brackets is none."""
    return bool(folded(without_noise(text)))


def is_backchannel(text: str, language: str) -> bool:
    """Whether nothing in a text takes the turn; so it is of a text without words, which `has_words` tells apart."""
    words = folded(without_noise(text))
    known = _LISTENING.get(language, _ANYWHERE)
    at = 0
    while at < len(words):
        size = next((n for n in range(_LONGEST_PHRASE, 0, -1) if " ".join(words[at : at + n]) in known), 0)
        if not size and not _SOUND.fullmatch(words[at]):
            return False
        at += size or 1
    return True
