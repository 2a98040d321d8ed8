"""The world around a simulated conversation: a caller, a client that plays what it gets, and stages that take their time."""

from dataclasses import dataclass, field

import numpy as np

from pipeline import events as on
from pipeline.commands import Command
from pipeline.notices import Notice
from pipeline.ports import Samples
from pipeline.work import Work

RATE = 1_000
"""Samples a second that the client hears."""
FRAME_S = 0.02
FRAME = 320
SILENT_FRAME: Samples = np.zeros(FRAME, np.int16)
WINDOW = 512
CHUNK_MS = 100
_STAGE_TIMEOUT_S = 3.0
"""When a stage that never answers is given up."""
HEDGED = "slow was late: asked quick too"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a stage answers one request."""

    ms: float = 0.0
    fails: bool = False
    hedged: bool = False
    """Whether a second provider had to be asked."""


def answers(text: str) -> tuple[Answer, ...]:
    """`80`, `fail`, `fail@300`, `never` and `400+hedged`, one after the other with `/` between; the last holds on."""
    return tuple(as_answer(part) for part in text.split("/"))


def as_answer(text: str) -> Answer:
    if text == "never":
        return Answer(1000 * _STAGE_TIMEOUT_S, fails=True)
    if text.startswith("fail"):
        return Answer(float(text.removeprefix("fail").removeprefix("@") or 50), fails=True)
    ms, _, extra = text.partition("+")
    if extra not in ("", "hedged"):
        raise ValueError(f"no such answer: {text}")
    return Answer(float(ms), hedged=bool(extra))


@dataclass(slots=True)
class World:
    """What the surroundings of a conversation are like."""

    asr: tuple[Answer, ...] = (Answer(80),)
    llm: tuple[Answer, ...] = (Answer(120),)
    tts: tuple[Answer, ...] = (Answer(50),)
    words: bool = True
    """Whether the engine tells when each word is spoken."""
    delay: float = 0.0
    """Milliseconds between the arrival of audio and its playing."""
    reports: float = 0.0
    """Milliseconds between two reports of what the client has played; 0 for none."""
    lang: str = "en"
    word: float = 300.0
    """Milliseconds that the caller takes for a word."""
    stubborn: bool = False
    """Whether stages answer although their work was abandoned, as when the answer was on its way already."""
    replies: dict[str, str] = field(default_factory=lambda: {"": "On Saturday we are open from nine until one."})
    """What is answered to words that contain the key, the first that fits."""
    ends: bool = False
    """Whether the reply ends the call."""


@dataclass(frozen=True, slots=True)
class Logged:
    at: float
    what: on.Event | Command | Notice


class Caller:
    """A microphone: where in time there is sound, and which words."""

    def __init__(self, word_ms: float) -> None:
        self._word_s = word_ms / 1000
        self.sounds: list[tuple[float, float]] = []
        self._words: list[tuple[str, float]] = []
        """Words, and when each has been said."""

    def says(self, parts: list[str | float], at: float) -> float:
        """Words, and pauses in seconds between them; gives the time of the last sound."""
        for part in parts:
            if isinstance(part, float):
                at += part
                continue
            begin = at
            for word in part.split():
                at += self._word_s
                self._words.append((word, at))
            self.sounds.append((begin, at))
        return at

    def makes_noise(self, seconds: float, at: float) -> float:
        self.sounds.append((at, at + seconds))
        return at + seconds

    def sounds_at(self, time: float) -> bool:
        return any(begin <= time < end for begin, end in self.sounds)

    def words(self, start_s: float, stop_s: float) -> str:
        """Those that come to their end in a piece of audio."""
        return " ".join(word for word, end in sorted(self._words, key=lambda said: said[1]) if start_s < end <= stop_s)


@dataclass(slots=True)
class Reply:
    """What the stages made of one reply, and what the caller heard of it."""

    work: Work
    prepared: bool
    """Whether it was begun while the turn had not surely ended."""
    voice: int
    """No two replies sound alike."""
    made: bytearray = field(default_factory=bytearray)
    words: list[tuple[str, float]] = field(default_factory=lambda: [])
    """Words with their middles, in samples of the reply."""
    fillers: set[int] = field(default_factory=set)
    """Which of them are no part of the reply."""
    heard: list[tuple[int, int]] = field(default_factory=lambda: [])
    """Ranges of samples that were heard, in the order of hearing."""

    def heard_words(self, *, fillers: bool = True) -> list[str]:
        """Words as they were heard, twice if they were played twice."""
        return [
            word
            for begin, end in self._ranges()
            for index, (word, middle) in enumerate(self.words)
            if begin <= middle < end and (fillers or index not in self.fillers)
        ]

    def heard_whole(self) -> bool:
        return self._ranges() == [(0, len(self.made) // 2)]

    def heard_in_order(self) -> bool:
        """Nothing of it was lost or heard twice up to where it stopped."""
        return [begin for begin, _ in self._ranges()] in ([], [0])

    def _ranges(self) -> list[tuple[int, int]]:
        joined: list[tuple[int, int]] = []
        for begin, end in self.heard:
            if joined and joined[-1][1] == begin:
                joined[-1] = (joined[-1][0], end)
            elif begin < end:
                joined.append((begin, end))
        return joined


class Client:
    """Plays what arrives, one after the other, and throws away what was not played when it is told to."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._queue: list[tuple[Reply, int, int]] = []
        """What was taken of which reply, in the order of arrival: from where, and how many samples."""
        self._taken = 0
        self._anchor = 0.0
        self._anchored_at = 0.0
        self._counted = 0

    def begin(self) -> None:
        """Another reply begins; what is played is counted anew."""
        self._queue, self._taken, self._counted = [], 0, 0
        self._anchor = 0.0

    def take(self, reply: Reply, start: int, samples: int, now: float) -> None:
        if self.played(now) >= self._taken:
            self._anchor, self._anchored_at = self._taken, now + self._delay_s
        self._queue.append((reply, start, samples))
        self._taken += samples

    def played(self, now: float) -> int:
        """Samples of the present reply that were played."""
        if not self._taken:
            return 0
        return min(self._taken, round(self._anchor + max((now - self._anchored_at) * RATE, 0)))

    def stop(self, now: float) -> None:
        """Throws away what was not played."""
        played = self.played(now)
        self.account(now)
        kept: list[tuple[Reply, int, int]] = []
        at = 0
        for reply, start, samples in self._queue:
            keep = min(samples, played - at)
            if keep > 0:
                kept.append((reply, start, keep))
            at += max(keep, 0)
        self._queue, self._taken = kept, played

    def account(self, now: float) -> None:
        """Writes down with the replies what was heard since the last time."""
        played = self.played(now)
        at = 0
        for reply, start, samples in self._queue:
            begin, end = max(at, self._counted), min(at + samples, played)
            if begin < end:
                reply.heard.append((start + begin - at, start + end - at))
            at += samples
        self._counted = max(self._counted, played)

    @property
    def has_more(self) -> bool:
        return self._counted < self._taken


def next_samples(reply: Reply, count: int) -> bytes:
    """The next samples of a reply, which no other reply has in this place."""
    start = len(reply.made) // 2
    return ((np.arange(start, start + count) + 9_973 * reply.voice) % 65_536).astype("<u2").tobytes()
