"""Words as they are compared: lower case, no accents, no punctuation; and the small words of four languages.

A word keeps its place in the text, so that a name can be given back as it was written. Light words carry a sentence without
saying what it is about; words that ask for a place, a time or a price are none. A language that is not listed here works
too, with no small words of its own.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_SPOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
LONGEST = 100
"""Words of a turn that are looked at; nobody orders in more."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word and where it stands in the text."""

    word: str
    start: int
    end: int
    pause: bool = False
    """Whether punctuation or the end follows."""


@dataclass(frozen=True, slots=True)
class SmallWords:
    """What a language says with few letters; all but the sentences in folded form."""

    name: str
    light: frozenset[str]
    yes: frozenset[str]
    no: frozenset[str]
    negators: frozenset[str]
    breaks: frozenset[str]
    """Words after which a name has ended."""
    yes_sentences: tuple[str, ...]
    no_sentences: tuple[str, ...]
    hello: tuple[str, ...]
    goodbye: tuple[str, ...]
    nothing_else: tuple[str, ...]
    drop: tuple[str, ...]
    repeat: tuple[str, ...]


def fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def tokens(text: str) -> tuple[Token, ...]:
    """The first words of a text; an apostrophe parts words, as in `l'heure`."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        if len(found) == LONGEST:
            break
        after = text[match.end() : match.end() + 2]
        pause = not after or (after[0] in ",.;:!?" and (len(after) == 1 or after[1].isspace()))
        found.append(Token(fold(match.group()), match.start(), match.end(), pause))
    return tuple(found)


def folded(text: str) -> tuple[str, ...]:
    return tuple(token.word for token in tokens(text))


def spoken(text: str) -> str:
    """A sentence as a speech grammar wants it: lower case, accents and apostrophes kept, no punctuation."""
    plain = unicodedata.normalize("NFC", text).replace("\u2019", "'").lower()
    return " ".join(_SPOKEN.findall(plain))


def says_yes(words: Sequence[str], small: SmallWords) -> bool | None:
    """Yes, no, or neither; a negation anywhere makes it a no."""
    if any(word in small.no or word in small.negators for word in words):
        return False
    return True if any(word in small.yes for word in words) else None


def negated(heard: Sequence[Token], small: SmallWords) -> bool:
    """Whether something is denied; a 'no' that stands alone before a pause only answers."""
    return any(token.word in small.negators and not (token.word in small.no and token.pause) for token in heard)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ENGLISH = SmallWords(
    name="English",
    light=_set(
        "a an the and or but so to of in on at for from with by about as into it its this that these those there here i me my "
        "we us our you your he she they them is are am was were be been do does did have has had can could would shall "
        "should might must what which how why please hello hi hey well um uh er oh okay ok just really "
        "actually maybe then also too instead rather "
        "tell know like want need get got go going wondering let s d ll re ve m some any thank thanks"
    ),
    yes=_set("yes yeah yep yup sure right correct exactly okay ok absolutely indeed perfect fine"),
    no=_set("no nope nah wrong incorrect"),
    negators=_set("not t dont cannot cant never neither wont isnt"),
    breaks=_set("and but please because"),
    yes_sentences=("Yes", "Yes, please", "Yes, that's right"),
    no_sentences=("No", "No, that's wrong"),
    hello=("Hello", "Good morning", "Good afternoon"),
    goodbye=("Goodbye", "Bye bye"),
    nothing_else=("No, thank you", "That's all", "Nothing else"),
    drop=("Never mind", "Forget it"),
    repeat=("Can you repeat that", "Say that again, please", "Pardon"),
)
_SPANISH = SmallWords(
    name="Spanish",
    light=_set(
        "el la los las un una unos unas y e o u pero de del a al en con por para sobre se me te le nos les lo mi mis tu su sus "
        "yo usted ustedes que cual cuales como es son esta este esto estan estoy ser estar hay ha he "
        "han tiene tienen tengo hacer hace puede pueden puedo podria quiero quisiera querria necesito gustaria favor hola "
        "buenos buenas dias tardes pues bueno eh oiga mire saber decirme digame solo hora entonces tambien mejor gracias"
    ),
    yes=_set("si claro correcto exacto vale perfecto supuesto acuerdo exactamente"),
    no=_set("no incorrecto mal"),
    negators=_set("no nunca tampoco ni"),
    breaks=_set("pero porque favor"),
    yes_sentences=("Sí", "Sí, por favor", "Sí, es correcto"),
    no_sentences=("No", "No, no es correcto"),
    hello=("Hola", "Buenos días", "Buenas tardes"),
    goodbye=("Adiós", "Hasta luego"),
    nothing_else=("No, gracias", "Eso es todo", "Nada más"),
    drop=("Déjelo", "Olvídelo"),
    repeat=("¿Puede repetirlo?", "Repita, por favor", "Perdone"),
)
_FRENCH = SmallWords(
    name="French",
    light=_set(
        "le la les l un une des d du de et ou mais a au aux en dans sur pour par avec ce cet cette ces c ca se s me m te t mon "
        "ma mes votre vos notre nos je j tu il elle on nous vous ils elles y est sont suis etes etre ai as avez avons avoir "
        "ont qu que qui quoi quel quelle quels quelles ou comment pourquoi puis peux pouvez pourrais voudrais "
        "veux aimerais faut plait bonjour bonsoir alors euh bon ben savoir dire aussi plutot merci"
    ),
    yes=_set("oui ouais correct exact exactement accord parfait volontiers juste"),
    no=_set("non faux"),
    negators=_set("pas jamais ne n aucun aucune"),
    breaks=_set("et mais parce"),
    yes_sentences=("Oui", "Oui, s'il vous plaît", "Oui, c'est exact"),
    no_sentences=("Non", "Non, c'est faux"),
    hello=("Bonjour", "Bonsoir"),
    goodbye=("Au revoir", "À bientôt"),
    nothing_else=("Non merci", "C'est tout", "Rien d'autre"),
    drop=("Laissez tomber", "Oubliez"),
    repeat=("Pouvez-vous répéter ?", "Répétez, s'il vous plaît", "Pardon"),
)
_GERMAN = SmallWords(
    name="German",
    light=_set(
        "der die das den dem des ein eine einen einem einer und oder aber zu zum zur von vom in im an am auf fur mit bei aus "
        "um nach uber es er sie ich mir mich mein meine meinen wir uns unser ihr ihre ihren du dir ihnen ist sind bin war sein "
        "habe hat haben hatte kann konnen konnte konnten wird werden wurde mochte will wollen was welche welcher "
        "wie warum bitte hallo guten tag also mal ahm ah gerne noch wissen sagen dann auch lieber danke"
    ),
    yes=_set("ja jawohl genau richtig stimmt gerne okay ok korrekt sicher passt"),
    no=_set("nein ne falsch"),
    negators=_set("nicht kein keine keinen nie niemals"),
    breaks=_set("und aber weil bitte"),
    yes_sentences=("Ja", "Ja, bitte", "Ja, das stimmt"),
    no_sentences=("Nein", "Nein, das stimmt nicht"),
    hello=("Hallo", "Guten Tag", "Guten Morgen"),
    goodbye=("Auf Wiederhören", "Tschüss"),
    nothing_else=("Nein danke", "Das ist alles", "Sonst nichts"),
    drop=("Vergessen Sie es", "Lassen wir das"),
    repeat=("Können Sie das wiederholen?", "Noch einmal, bitte", "Wie bitte"),
)
_NOTHING = frozenset[str]()
_NONE = SmallWords("", _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING, (), (), (), (), (), (), ())

SMALL_WORDS = {"en": _ENGLISH, "es": _SPANISH, "fr": _FRENCH, "de": _GERMAN}


def small_words(language: str) -> SmallWords:
    return SMALL_WORDS.get(language, _NONE)
