"""A request to a stage is made again elsewhere when a replica is lost over it, and what was given is not given twice.

What a provider could not do, or the stage's own code, is not asked again: it would end the same way. Nor is what three replicas
have not survived, since it may be what kills them.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import grpc
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException

from actors.asr import TimedTranscript
from actors.llm import Piece, TimedParts
from actors.tts import TimedSpeech
from pipeline.ports import CallDelta, Finish, FlowStep, Word
from pipeline.retold import Retold

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
MOST_LOST = 3
"""Replicas that may be lost over one request."""

_LOST = (RayError, RayServeException, grpc.RpcError, RuntimeError, OSError, TimeoutError, asyncio.CancelledError)
"""How a line or Serve tells that a replica is gone; the plain ones come where it died between two of its own steps."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Before:
    """What went before an item."""

    took_s: float | None = None
    """Since it was asked for, if that was asked of more than one replica; the last one knows only its own share."""
    did: tuple[str, ...] = ()


class Answer(Protocol[T]):
    """What was given of one answer, over all replicas that began it."""

    @property
    def whole(self) -> bool:
        """Whether all of it was given, though its end was not told yet."""
        ...

    def again(self) -> bool:
        """It begins anew; False if nobody could go on from what was given."""
        ...

    def news(self, item: T, before: Before) -> T | None:
        """What of it was not given yet."""
        ...


async def retried(
    stage: str, ask: Callable[[], AsyncGenerator[T, None]], answer: Answer[T], retry_s: float
) -> AsyncGenerator[T, None]:
    """The items of an answer, each once."""
    now = asyncio.get_running_loop().time
    began = now()
    failures = _Failures(retry_s)
    did: tuple[str, ...] = ()
    tries = 0
    while True:
        tries += 1
        try:
            async with aclosing(ask()) as items:
                async for item in items:
                    news = answer.news(item, Before(now() - began if tries > 1 else None, did))
                    if news is not None:
                        failures.forget()
                        did = ()
                        yield news
            return
        except _LOST as error:
            if answer.whole and not _is_ours(error):
                return
            pause_s = failures.pause_s(error, now())
            if pause_s is None or not answer.again():
                raise
            log.warning("%s is asked again: a replica failed (%s)", stage, type(error).__name__)
        await asyncio.sleep(pause_s)
        did = (f"{stage}: asked again, as a replica was lost",)


class _Failures:
    """Those since the last item, and how long it may go on so."""

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._first_at = 0.0
        self._row = 0
        """How many came one after the other."""
        self.lost = 0
        """Replicas that had the request, and ended over it."""

    def forget(self) -> None:
        self._row = 0

    def pause_s(self, error: BaseException, now: float) -> float | None:
        """How long to wait before the next attempt, or None when there shall be none."""
        self.lost += isinstance(error, ConnectionError)
        if isinstance(error, RayTaskError) or _is_ours(error) or self.lost >= MOST_LOST:
            return None
        if not self._row:
            self._first_at = now
        self._row += 1
        # The next replica is asked at once.
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._row - 2), LONGEST_PAUSE_S) if self._row > 1 else 0.0
        return pause_s if now + pause_s < self._first_at + self._retry_s else None


def _is_ours(error: BaseException) -> bool:
    """Whether it is this errand that was cancelled, and not a request by its replica."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


class Hearing:
    """A transcript comes as one."""

    whole = False

    def again(self) -> bool:
        return True

    def news(self, item: TimedTranscript, before: Before) -> TimedTranscript:
        transcript, took_s, did = item
        self.whole = True
        return transcript, before.took_s or took_s, before.did + did


class Thinking:
    """A reply; function calls have other names each time, so what comes after one cannot be told from it."""

    whole = False

    def __init__(self, *, spoken: bool) -> None:
        self._spoken = spoken
        self._given: list[str] = []
        self._calls = False
        self._retold: Retold | None = None

    def again(self) -> bool:
        self._retold = Retold(self._given, phrases=self._spoken)
        return not self._calls

    def news(self, item: TimedParts, before: Before) -> TimedParts | None:
        took_s, pieces, did = item
        news = [piece for piece in map(self._new, pieces) if piece != ""]
        for piece in news:
            match piece:
                case str():
                    self._given.append(piece)
                case CallDelta():
                    self._calls = True
                case FlowStep() | Finish():
                    self.whole = True
        return (before.took_s or took_s, news, before.did + did) if news else None

    def _new(self, piece: Piece) -> Piece:
        return self._retold.news(piece) if isinstance(piece, str) and self._retold is not None else piece


class Speaking:
    """Speech; what was given is counted in samples, and the words in it by when they begin."""

    whole = False

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._given = 0
        """Samples."""
        self._place = 0
        """How far the newest replica has come, in samples."""
        self._skipped = 0
        """Samples that it makes again."""
        self._last_word_s = -1.0
        """When the last word that was told begins."""
        self._told_s = -1.0
        """The same, when it began anew."""

    def again(self) -> bool:
        self._place, self._skipped, self._told_s = 0, self._given, self._last_word_s
        return True

    def news(self, item: TimedSpeech, before: Before) -> TimedSpeech | None:
        took_s, pcm, words, did = item
        known = min(max(self._given - self._place, 0), len(pcm) // 2)
        self._place += len(pcm) // 2
        self._given = max(self._given, self._place)
        rest = pcm[2 * known :]
        words = tuple(word for word in words if self._is_new(word))
        if words:
            self._last_word_s = words[-1].start_s
        return (before.took_s or took_s, rest, words, before.did + did) if rest or words else None

    def _is_new(self, word: Word) -> bool:
        return word.start_s > self._told_s and round(word.start_s * self._rate) >= self._skipped
