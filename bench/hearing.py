"""What a caller heard of the replies to its questions, and what was wrong with it. Pure: messages and moments in, faults out.

A reply is known by its turn's number, and belongs to the question that was being asked, or was asked last, when the caller
first heard of that number. Its audio is counted by position: what is sent again after `resumed`, since nobody had heard it,
lies where it lay before and counts once.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

BYTES_A_MS = 48
"""PCM16 at 24 kHz."""
_REMEMBERED = 60
"""Messages kept of a question, to see afterwards what went wrong."""


class Fault(StrEnum):
    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    WRONG_LENGTH = "wrong length"


@dataclass(slots=True)
class Reply:
    """One reply, as it came."""

    turn: int
    starts: int = 0
    at: int = 0
    """Position of the next byte of audio."""
    received: int = 0
    """Position up to which there was audio."""
    missing: int = 0
    """Bytes that were skipped when it went on."""
    resumptions: int = 0
    sounded_at: float | None = None
    dry_at: float = 0.0
    """When the caller has played all that came."""
    silent_s: float = 0.0
    """How long the caller waited for more in the middle of it."""
    done_ms: int | None = None
    """Its length as it was told with its end."""

    def sound(self, size: int, now: float) -> None:
        if self.sounded_at is None:
            self.sounded_at = self.dry_at = now
        if now > self.dry_at:
            self.silent_s += now - self.dry_at
            self.dry_at = now
        self.at += size
        self.received = max(self.received, self.at)
        self.dry_at += size / BYTES_A_MS / 1000

    def stop(self, now: float) -> None:
        """What was not played is thrown away."""
        self.dry_at = min(self.dry_at, now)

    def go_on(self, at_ms: int, now: float) -> None:
        self.stop(now)
        self.resumptions += 1
        self.done_ms = None
        self.at = at_ms * BYTES_A_MS
        # A millisecond is as exact as a place is told.
        self.missing += max(self.at - self.received - BYTES_A_MS, 0)

    def doubled(self, size: int) -> bool:
        return self.starts > 1 or self.received > size + self._blur

    def whole(self, size: int) -> bool:
        right = abs(self.received - size) <= self._blur and not self.missing
        return right and self.done_ms is not None and abs(self.done_ms * BYTES_A_MS - size) <= BYTES_A_MS

    @property
    def _blur(self) -> int:
        return self.resumptions * BYTES_A_MS


@dataclass(slots=True)
class Question:
    """One question of a caller, and all that came back."""

    begun_at: float
    asked_at: float | None = None
    """When its last sound was said; None while it is asked."""
    replies: list[Reply] = field(default_factory=lambda: [])
    disordered: bool = False
    errors: list[str] = field(default_factory=lambda: [])
    """Codes."""
    story: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """What came and when; no words."""

    @property
    def sounded(self) -> list[Reply]:
        return [reply for reply in self.replies if reply.sounded_at is not None]

    @property
    def wait_s(self) -> float | None:
        """Silence that the caller sat through, before the reply and in the middle of it; None without a reply."""
        if self.asked_at is None or not self.sounded:
            return None
        first = self.sounded[0]
        assert first.sounded_at is not None
        return first.sounded_at - self.asked_at + self.silent_s

    @property
    def silent_s(self) -> float:
        """What of it was in the middle of a reply."""
        return sum(reply.silent_s for reply in self.sounded)

    @property
    def over_at(self) -> float | None:
        """When its last sound has been played, if an end was told."""
        if not self.sounded or self.sounded[-1].done_ms is None:
            return None
        return self.sounded[-1].dry_at

    def faults(self, reply_bytes: int) -> frozenset[Fault]:
        if not self.sounded:
            return frozenset({Fault.LOST})
        found: set[Fault] = set()
        if len(self.sounded) > 1 or any(reply.doubled(reply_bytes) for reply in self.replies):
            found.add(Fault.DOUBLED)
        if self.disordered:
            found.add(Fault.OUT_OF_ORDER)
        if not all(reply.whole(reply_bytes) for reply in self.sounded):
            found.add(Fault.WRONG_LENGTH)
        return frozenset(found)


class Hearing:
    """All questions of one caller, and where in which reply it is."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self._replies: dict[int, tuple[Question, Reply]] = {}
        self._current: tuple[Question, Reply] | None = None
        self._newest = -1
        """The highest turn whose reply has begun."""
        self.strays = 0
        """Replies and sounds that came before any question."""

    def begin_anew(self) -> None:
        """Another conversation, whose turns are counted from the beginning."""
        self._replies.clear()
        self._current, self._newest = None, -1

    def asks(self, now: float) -> None:
        self.questions.append(Question(now))

    def asked(self, now: float) -> None:
        self.questions[-1].asked_at = now

    def note(self, what: str, now: float) -> None:
        """Something that happened to the caller, for whoever wants to know later."""
        if self.questions:
            self.questions[-1].story.append((now, what))

    def sound(self, size: int, now: float) -> None:
        if self._current is None:
            self._out_of_order()
            return
        _, reply = self._current
        if reply.sounded_at is None:
            self.note(f"first sound of {reply.turn}", now)
        reply.sound(size, now)

    def message(self, message: Mapping[str, Any], now: float) -> None:
        kind = message["type"]
        if kind == "error":
            self._failed(message["code"], now)
            return
        turn = message.get("turn")
        if turn is None or not self.questions:
            self.strays += turn is not None
            return
        question, reply = self._known(turn)
        if kind != "reply":
            self.note(f"{kind} {turn} {message.get('at_ms', message.get('heard_ms', message.get('ms', '')))}".rstrip(), now)
        match kind:
            case "audio_started":
                if reply.done_ms is not None and question is not self.questions[-1]:
                    # A number that was used up: the server has forgotten how far the conversation was.
                    question, reply = self._new(turn)
                    question.disordered = True
                reply.starts += 1
                if turn < self._newest:
                    question.disordered = True
                self._newest = max(turn, self._newest)
                self._current = (question, reply)
            case "resumed":
                reply.go_on(message["at_ms"], now)
                self._current = (question, reply)
            case "held" | "interrupted":
                reply.stop(now)
            case "audio_done":
                if self._current is None or self._current[1] is not reply:
                    question.disordered = True
                reply.done_ms = message["ms"]
            case _:
                pass

    def _failed(self, code: str, now: float) -> None:
        self.note(f"error {code}", now)
        if self.questions:
            self.questions[-1].errors.append(code)

    def _known(self, turn: int) -> tuple[Question, Reply]:
        return self._replies[turn] if turn in self._replies else self._new(turn)

    def _new(self, turn: int) -> tuple[Question, Reply]:
        known = self._replies[turn] = (self.questions[-1], Reply(turn))
        known[0].replies.append(known[1])
        return known

    def _out_of_order(self) -> None:
        if self.questions:
            self.questions[-1].disordered = True
        else:
            self.strays += 1
