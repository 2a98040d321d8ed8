# ruff: noqa: RUF001  (phonetic letters look like others: that is what they are for)
"""How words sound, in the phones of the en-us acoustic model.

An English word of the model's own dictionary sounds as it says there. Any other word, and every word of another language, is
pronounced by eSpeak, and each of its sounds is exchanged for English phones. Few sounds have one sure counterpart, so most
have several, nearest first, and the word gets a pronunciation for every choice. A sound keeps its choice throughout a word,
for a speaker does.
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import islice, product
from pathlib import Path

from actors.engines import espeak

MOST = 24
"""Pronunciations of one word at most; each makes the search a little wider."""

# fmt: off
PHONES = {
    # Consonants.
    "p": "P", "b": "B", "t": "T|TH", "d": "D", "k": "K", "ɡ": "G", "c": "K", "q": "K", "ʔ": "", "f": "F", "v": "V|M",
    "β": "V|B|M", "θ": "TH|S", "ð": "DH", "s": "S|Z", "z": "Z|DH", "ʃ": "SH", "ʒ": "ZH|Y", "ç": "SH|T|HH", "x": "HH|K",
    "χ": "HH|K", "ɣ": "G|M", "h": "HH", "ɦ": "HH", "tʃ": "CH", "dʒ": "JH", "ts": "T S", "dz": "D Z", "pf": "P F", "m": "M",
    "n": "N", "ŋ": "NG", "ɲ": "N Y", "l": "L", "ɫ": "L", "ʎ": "L Y", "ɹ": "R", "r": "R|G", "ɾ": "R|DH|D", "ʁ": "R|L|HH",
    "ʀ": "R|G|HH", "j": "Y", "ʝ": "Y", "w": "W", "ɥ": "W", "ʋ": "V", "əl": "AH L", "n̩": "AH N", "l̩": "AH L",
    # Vowels.
    "a": "AA", "ɑ": "AA", "ɐ": "AH", "æ": "AE", "ʌ": "AH", "ə": "AH|UH", "ᵻ": "IH", "e": "IH|EY|EH", "eː": "IY|EY",
    "ɛ": "EH|EY|IH", "ɛː": "EH|EY|IY", "ɜ": "AH", "ɜː": "ER", "ɚ": "ER", "i": "IY", "ɪ": "IH|IY", "y": "UW|IY|IH",
    "ʏ": "UH|UW", "o": "AO|OW|UH", "oː": "AO|OW", "ɔ": "AO", "ɒ": "AA", "ø": "UH|ER", "œ": "UH|ER", "u": "UW", "ʊ": "UH",
    "aɪ": "AY|AA", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "ɔø": "OY", "ɔʏ": "OY", "iə": "IY AH",
    "ʊɐ": "UH R",
    # Nasal vowels.
    "ɑ̃": "AA N|AO|AA", "ɔ̃": "AO N|OW|UH", "ɛ̃": "AE N|AA", "œ̃": "AH N|AA",
    # English vowels that eSpeak joins to an r.
    "ɑːɹ": "AA R", "ɔːɹ": "AO R", "oːɹ": "AO R", "ʊɹ": "UH R", "ɛɹ": "EH R", "ɪɹ": "IH R", "aɪɚ": "AY ER", "aʊɚ": "AW ER",
}
# fmt: on
"""English phones for each of eSpeak's sounds; `|` parts the choices.

They are what the model's own phone decoder hears when eSpeak speaks Spanish, German and French, as far as it is plausible of
people too: it hears a Spanish e as IH or EY rather than EH, and an o as AO.
"""


def choices(sound: str) -> list[str]:
    """A sound that is not in the table is taken for a shorter one, or for its letters one by one."""
    known = PHONES.get(sound, PHONES.get(sound.rstrip("ː-")))
    return (known if known is not None else " ".join(PHONES.get(letter, "") for letter in sound)).split("|")


def from_ipa(said: str) -> list[str]:
    sounds = [sound for sound in re.split("[_ ]", said) if sound]
    kinds = list(dict.fromkeys(sounds))
    every = list(islice(product(*(choices(kind) for kind in kinds)), 4096))
    # Taken evenly, so that no sound is robbed of its choices because it comes early in the word.
    some = every if len(every) <= MOST else [every[place * len(every) // MOST] for place in range(MOST)]
    spoken = [" ".join(" ".join(choice[kinds.index(sound)] for sound in sounds).split()) for choice in some]
    return [phones for phones in dict.fromkeys(spoken) if phones]


@cache
def dictionary_lines(dictionary: Path) -> bytes:
    return b"\n" + dictionary.read_bytes()


def from_dictionary(word: str, dictionary: Path) -> list[str]:
    # A search through the file's bytes takes a few milliseconds; a table of all its words takes tens of megabytes.
    entry = rb"\n" + re.escape(word.encode()) + rb"(?:\(\d+\))? ([^\n]+)"
    return [found.decode().strip() for found in re.findall(entry, dictionary_lines(dictionary))]


def pronunciations(words: Iterable[str], language: str, dictionary: Path) -> dict[str, list[str]]:
    """The ways in which each word may be said; an empty list for a word without sound."""
    said: dict[str, list[str]] = {}
    for word in words:
        known = from_dictionary(word, dictionary) if language == "en" else []
        said[word] = known or from_ipa(espeak.phonemes(word, language))
    return said
