"""How complete a caller's words look at a pause, and how much silence is needed before they count as a turn.

The words are those of a recogniser, mostly without case and punctuation. The first of these that holds decides:

1. No words: nothing can be told.
2. The text ends with a comma, a dash or dots, or with a sound of thinking: it goes on.
3. It is a sentence that the flow expects, alone or with courtesies around it: it is complete.
4. It is nothing but courtesies, of which the last answers, thanks or parts: it is complete.
5. It ends with a number: that depends on how many digits are wanted, or on whether it is a time.
6. It ends with words of a table of endings, with days in a row, with letters that are spelled, or before a clause's verb.
7. Otherwise a sentence with a verb is likelier complete than one without, and a longer one likelier than a short one.

What begins an expected sentence and is none itself is then halved, what ends with one is raised, and so is what ends with a
question mark. A full stop weighs little, because recognisers put one at every pause.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from pipeline.completeness_words import LONGEST_ENDING, TurnWords, is_hum, turn_words
from pipeline.flow_words import Token, folded, small_words, tokens
from pipeline.spoken_numbers import digits, is_number, joined, number_words, run_start

SURE = 1.0
WITH_COURTESIES = 0.97
SETTLED = 0.92
ENDS = 0.85
LIKELY = 0.75
MAY_GO_ON = 0.6
UNKNOWN = 0.5
WAVERS = 0.3
GREETS = 0.4
OPEN = 0.1
"""How complete different endings look."""

_TAIL_CHARS = 160
"""How much of a long turn is looked at."""
_LONGEST_EXPECTED = 12
"""Words of an expected sentence that is looked for at the end of another."""
_LONGEST_TIME = 4
"""Digits of a time of day."""
_ANNOUNCED_WITHIN = 6
"""How many words before its digits a number is announced at most."""
_HANGING = re.compile(r"(?:\.\.|[\u2026,;:\u2013\u2014-])[\s\"'\u201d)]*$")
_MARK = re.compile(r"([.?!])[\s\"'\u201d)]*$")
_CLOCK = re.compile(r"\b\d{1,2}[:.h]\d{2}$")
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True, slots=True)
class _Expected:
    """Sentences of a flow, made ready to compare."""

    sentences: frozenset[tuple[str, ...]]
    beginnings: frozenset[tuple[str, ...]]
    lengths: frozenset[int]
    """How many digits there are in those that are numbers."""


def completeness(text: str, language: str, expected: Sequence[str]) -> float:
    """From 0, surely goes on, to 1, surely complete; 0.5 where nothing can be told."""
    if len(text) > _TAIL_CHARS:
        text = text[-_TAIL_CHARS:].partition(" ")[2] or text[-_TAIL_CHARS:]
    heard = tokens(text)
    if not heard:
        return UNKNOWN
    table = turn_words(language)
    if _HANGING.search(text) or is_hum(heard[-1].word, table):
        return OPEN
    words = tuple(token.word for token in heard if not is_hum(token.word, table))
    if not _without(words, table.greets):
        return GREETS
    awaited = _expected(tuple(expected), language)
    if words in awaited.sentences:
        if words not in awaited.beginnings:
            return SURE
        return SETTLED if _settles(words[-1], table, language) else MAY_GO_ON
    headless = _without(words, table.heads)
    bare = _without_tails(headless, table)
    if bare in awaited.sentences or headless in awaited.sentences or _without_tails(words, table) in awaited.sentences:
        return WITH_COURTESIES
    if not bare and _settles(words[-1], table, language):
        return SETTLED
    score = _punctuated(_ending(words, heard, text, table, language, awaited), text)
    if words in awaited.beginnings or (headless and headless in awaited.beginnings):
        return score / 2
    return max(score, _ends_with_expected(words, awaited)) if score > WAVERS else score


@lru_cache(maxsize=256)
def _expected(sentences: tuple[str, ...], language: str) -> _Expected:
    table = turn_words(language)
    whole = frozenset(tuple(word for word in folded(sentence) if not is_hum(word, table)) for sentence in sentences)
    return _Expected(
        sentences=whole - {()},
        beginnings=frozenset(sentence[:end] for sentence in whole for end in range(1, len(sentence))),
        lengths=frozenset(
            digits(sentence, language) for sentence in whole if sentence and all(is_number(word, language) for word in sentence)
        ),
    )


def _without(words: tuple[str, ...], heads: frozenset[str]) -> tuple[str, ...]:
    """What follows such words and sentences at the beginning."""
    start = 0
    while start < len(words):
        size = next((n for n in range(LONGEST_ENDING, 0, -1) if " ".join(words[start : start + n]) in heads), 0)
        if not size:
            break
        start += size
    return words[start:]


def _without_tails(words: tuple[str, ...], table: TurnWords) -> tuple[str, ...]:
    end = len(words)
    while end > 0:
        size = next((n for n in range(min(LONGEST_ENDING, end), 0, -1) if " ".join(words[end - n : end]) in table.tails), 0)
        if not size:
            break
        end -= size
    return words[:end]


def _settles(last: str, table: TurnWords, language: str) -> bool:
    small = small_words(language)
    return last in table.settles or last in small.yes or last in small.no


def _ending(
    words: tuple[str, ...], heard: Sequence[Token], text: str, table: TurnWords, language: str, awaited: _Expected
) -> float:
    """How complete it is by its last words, or else as a sentence."""
    number = _number(words, text, language, awaited)
    if number is not None:
        return number
    last = heard[-1]
    stands_alone = normalize("NFC", text[last.start : last.end]).lower() in table.standing
    known = _known_ending(words, table, stands_alone)
    if known is not None:
        return known
    if len(words) > 1 and any(words[-1] in series and words[-2] in series for series in table.series):
        return 2 * OPEN
    if _spelled(heard, text) or _lacks_verb(words, table):
        return WAVERS
    return _sentence(words, table)


def _known_ending(words: tuple[str, ...], table: TurnWords, stands_alone: bool) -> float | None:
    for size in range(min(LONGEST_ENDING, len(words)), 0, -1):
        ending = " ".join(words[-size:])
        if ending in table.ends:
            return ENDS
        if size == 1 and stands_alone:
            return None
        if ending in table.goes_on or ending in table.fillers:
            return LIKELY if size == 1 and _closes_sentence(words, table) else OPEN
        if ending in table.wavers:
            if _closes_sentence(words, table):
                return LIKELY
            return 2 * WAVERS if any(word in table.asks for word in words[:-1]) else WAVERS
    return None


def _closes_sentence(words: tuple[str, ...], table: TurnWords) -> bool:
    """Whether the last word belongs to a verb before it, or to a question: `come in`, `what is it for`, `ich rufe ... an`."""
    last = words[-1]
    if any(f"{verb} {last}" in table.particles for verb in words[-1 - table.reach : -1]):
        return True
    asked = any(word in table.asks for word in words[:-2])
    return asked and last in table.stranded and words[-2] in table.before_stranded


def _spelled(heard: Sequence[Token], text: str) -> bool:
    """Whether the last two words are letters, as when a name is spelled; what an apostrophe left is none."""
    last = heard[-2:]
    apart = all(mark not in text[max(0, last[0].start - 1) : last[-1].end] for mark in _APOSTROPHES)
    return apart and len(last) == 2 and all(len(token.word) == 1 and token.word.isalpha() for token in last)


def _lacks_verb(words: tuple[str, ...], table: TurnWords) -> bool:
    """Whether a clause has come as far as whom it is about: `because my daughter`."""
    return len(words) > 2 and words[-3] in table.clauses and words[-2] in table.goes_on and not table.verbs & {*words[-2:]}


def _number(words: tuple[str, ...], text: str, language: str, awaited: _Expected) -> float | None:
    """How complete the number is that the words end with; None where they end with none that says anything."""
    start = run_start(words, language)
    run = words[start:]
    if not run:
        return None
    numbers = number_words(language)
    if run[-1] in numbers.half and len(run) > 1:
        return OPEN
    count = digits(run, language)
    before = words[start - 1] if start else ""
    at_time = before in numbers.at_time and count <= _LONGEST_TIME
    announced = not at_time and not numbers.announced.isdisjoint(words[max(0, start - _ANNOUNCED_WITHIN) : start])
    if announced or _dictated(run, count, language):
        if count in awaited.lengths or count in numbers.lengths:
            return LIKELY
        return 0.6 if count > max(numbers.lengths | awaited.lengths, default=8) else OPEN
    if not joined(run) and not numbers.span.isdisjoint(words[max(0, start - 2) : start]):
        return 2 * OPEN
    if at_time or _CLOCK.search(text) or _is_year(words[-1]):
        return LIKELY
    return 0.6 if count > 2 else None


def _dictated(run: Sequence[str], count: int, language: str) -> bool:
    """Whether these are digits of something longer: they come one by one, or in a group of three, or are many."""
    singles = sum(1 for word in run if digits((word,), language) == 1)
    group = any(word.isdigit() and len(word) >= 3 and not _is_year(word) for word in run)
    return singles >= 3 or group or count >= 5


def _is_year(word: str) -> bool:
    return len(word) == 4 and word[:2] in ("19", "20")


def _sentence(words: tuple[str, ...], table: TurnWords) -> float:
    """What can be told of words whose last says nothing."""
    size = len(words)
    if not table.verbs:
        return UNKNOWN
    if any(word in table.modals for word in words[:-1]) and not words[-1].endswith("n"):
        return 0.4
    if size >= 4:
        if any(word in table.asks for word in words[:3]):
            return LIKELY
        return 0.7 if any(word in table.verbs for word in words) else 0.55
    if size == 3:
        return 0.58 if any(word in table.verbs or word in table.asks for word in words) else UNKNOWN
    return 0.45


def _punctuated(score: float, text: str) -> float:
    """Takes account of a mark at the end; its absence says something only where there are others."""
    mark = _MARK.search(text)
    if mark is None:
        return max(0.0, score - 0.08) if score > WAVERS and any(sign in text for sign in ".?!,") else score
    if mark.group(1) == ".":
        return min(1.0, score + 0.1) if score >= WAVERS else score
    return max(score, 0.9) if score > 2 * OPEN else 0.4


def _ends_with_expected(words: tuple[str, ...], awaited: _Expected) -> float:
    for size in range(min(_LONGEST_EXPECTED, len(words) - 1), 0, -1):
        if words[-size:] in awaited.sentences:
            return 0.9 if size > 2 else 0.65
    return 0.0


def silence_needed(completeness: float, shortest_ms: int, usual_ms: int, longest_ms: int) -> int:
    """Silence after which such words count as a turn: straight lines from longest at 0 over usual at 0.5 to shortest at 1."""
    share = min(1.0, max(0.0, completeness)) * 2
    if share <= 1:
        return round(longest_ms + (usual_ms - longest_ms) * share)
    return round(usual_ms + (shortest_ms - usual_ms) * (share - 1))


_PAUSES_KEPT = 10
_HIGH = 0.8
"""Share of the pauses that the speaker is waited for."""
_ROOM = 1.2
_LEAST = 0.8
_MOST = 1.6
_ENOUGH = 4
_ENOUGH_FOR_LESS = 8
"""Pauses from which they count in full."""


@dataclass(slots=True)
class Pauses:
    """A speaker's own pauses, after which they went on; the newest ones only."""

    recent: tuple[int, ...] = ()
    """In milliseconds, oldest first."""

    def add(self, ms: int) -> None:
        self.recent = (*self.recent, max(0, ms))[-_PAUSES_KEPT:]

    def allowance(self, usual_ms: int) -> float:
        """Factor by which this speaker needs more silence than usual, or less; 1 as long as nothing is known.

        A high quantile with some room above it, so that one long search for a word does not count; few pauses weigh little.
        """
        if not self.recent or usual_ms <= 0:
            return 1.0
        ordered = sorted(self.recent)
        high = ordered[round((len(ordered) - 1) * _HIGH)]
        factor = min(_MOST, max(_LEAST, high * _ROOM / usual_ms))
        if factor < 1:
            # A few short pauses do not mean that a long one will not come.
            return factor if len(ordered) >= _ENOUGH_FOR_LESS else 1.0
        return 1 + (factor - 1) * min(1.0, len(ordered) / _ENOUGH)
