"""What was heard in a recording, as segments, subtitles and the entries of `verbose_json`.

A segment is a sentence, or what is said between two pauses, where the engine tells when each word was said; otherwise it is a
whole passage. A segment that would not fit on a screen is broken between words.
"""

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.ports import Transcript, Word

PAUSE_S = 0.8
"""Silence between two words that parts segments."""
LONGEST_S = 7.0
LONGEST_CHARS = 84
"""Two lines of a screen."""

_SENTENCE_END = re.compile("[.!?\u2026]+[\"'\u00bb\u201d\u2019)\\]]*\\s|[\u3002\uff01\uff1f]")


@dataclass(frozen=True, slots=True)
class Passage:
    """What was heard in one piece of a recording; the transcript's words are timed from the piece's start."""

    transcript: Transcript
    start_s: float
    end_s: float

    @property
    def words(self) -> tuple[Word, ...]:
        """Timed from the recording's start."""
        return tuple(
            replace(word, start_s=self.start_s + word.start_s, end_s=self.start_s + max(word.start_s, word.end_s))
            for word in self.transcript.words
        )


@dataclass(frozen=True, slots=True)
class Segment:
    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    """That of the passage it is from."""


def whole_text(passages: Iterable[Passage]) -> str:
    return " ".join(passage.transcript.text for passage in passages if passage.transcript.text)


def segments(passages: Iterable[Passage]) -> list[Segment]:
    return [segment for passage in passages for segment in _segments(passage)]


def srt(shown: Iterable[Segment]) -> str:
    return "".join(
        f"{number}\n{_clock(segment.start_s, ',')} --> {_clock(segment.end_s, ',')}\n{segment.text}\n\n"
        for number, segment in enumerate(shown, start=1)
    )


def vtt(shown: Iterable[Segment]) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_clock(segment.start_s, '.')} --> {_clock(segment.end_s, '.')}\n{_escaped(segment.text)}\n\n" for segment in shown
    )


def segment_entries(shown: Iterable[Segment]) -> list[dict[str, Any]]:
    """In the fields that Whisper made common; what no engine here tells has its neutral value."""
    return [
        {
            "id": number,
            "seek": round(segment.start_s * 100),
            "start": round(segment.start_s, 3),
            "end": round(segment.end_s, 3),
            "text": segment.text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": math.log(segment.confidence) if segment.confidence else 0.0,
            "compression_ratio": _compression(segment.text),
            "no_speech_prob": 0.0,
        }
        for number, segment in enumerate(shown)
    ]


def word_entries(words: Iterable[Word]) -> list[dict[str, Any]]:
    return [{"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)} for word in words]


def _segments(passage: Passage) -> list[Segment]:
    text, words = " ".join(passage.transcript.text.split()), passage.words
    if not text:
        return []
    if not words:
        return [Segment(text, passage.start_s, passage.end_s, passage.transcript.confidence)]
    places = _places(text, words)
    if places is None:
        text = " ".join(word.text for word in words)
        places = _places(text, words) or [0] * len(words)
    return [
        Segment(part, words[first].start_s, words[last].end_s, passage.transcript.confidence)
        for first, last, part in _parts(text, words, places)
    ]


def _places(text: str, words: Sequence[Word]) -> list[int] | None:
    """Where in the text each word begins; None when they do not fit together."""
    lowered = text.lower()
    places: list[int] = []
    end = 0
    for word in words:
        place = lowered.find(word.text.lower(), end)
        if place < 0 or len(lowered) != len(text):
            return None
        places.append(place)
        end = place + len(word.text)
    # Marks before the first word, such as a quote, belong to it.
    return [0, *places[1:]]


def _parts(text: str, words: Sequence[Word], places: list[int]) -> Iterable[tuple[int, int, str]]:
    """First word, last word and text of each segment."""
    ends = [*places[1:], len(text)]
    first = 0
    for last, word in enumerate(words):
        following = words[last + 1] if last + 1 < len(words) else None
        if following is not None and not (
            _SENTENCE_END.search(text, places[last], ends[last])
            or following.start_s - word.end_s >= PAUSE_S
            or following.end_s - words[first].start_s > LONGEST_S
            or ends[last + 1] - places[first] > LONGEST_CHARS
        ):
            continue
        yield first, last, text[places[first] : ends[last]].strip()
        first = last + 1


def _clock(time_s: float, point: str) -> str:
    seconds, ms = divmod(round(time_s * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _compression(text: str) -> float:
    """How well it packs: text that repeats itself, as a model that has lost its way does, packs well."""
    raw = text.encode()
    return round(len(raw) / len(zlib.compress(raw)), 3)
