"""What a gateway keeps of a conversation, so that another shard can go on with it when the one that holds it is lost.

It is the newest memento, what the caller said since, and what the client was told since. What another shard tells a second
time, because it hears the same audio again, is told to nobody.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace

from pipeline import notices
from pipeline.events import FromCaller, Played
from pipeline.memento import NOTHING_TOLD, Told
from pipeline.notices import Notice
from pipeline.ports import LISTENING_RATE

_LONGEST_S = 180
"""Audio that is kept at most: nobody holds more of a turn."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A shard says where a conversation stands."""

    memento: bytes
    position: int
    """Audio before this position, in samples, is not needed any more."""
    events: int
    """How many of the caller's events are in it."""
    moved: bool = False
    """Whether it is a place where another shard has just gone on, and what was told before is about to be told again."""


@dataclass(frozen=True, slots=True)
class Return:
    """Where another shard should go on."""

    memento: bytes
    position: int
    told: Told


class Journal:
    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._audio: deque[bytes] = deque()
        self._audio_at = 0
        """Position of the first sample that is kept."""
        self._samples = 0
        self._events: deque[FromCaller] = deque()
        self._events_at = 0
        self._told = NOTHING_TOLD
        self._counts: Counter[str] = Counter()
        """Notices since the snapshot, by kind."""
        self._again: Counter[str] = Counter()
        """Notices that another shard is going to repeat."""
        self._asides: dict[int, None] = {}
        self._calling: int | None = None
        """Turn of a reply whose function calls are being told."""

    @property
    def events_at(self) -> int:
        """How many events are not kept any more."""
        return self._events_at

    # What the caller says

    def audio(self, pcm: bytes) -> None:
        self._audio.append(pcm)
        self._samples += len(pcm) // 2
        while self._samples > _LONGEST_S * LISTENING_RATE:
            self._drop_oldest()

    def event(self, event: FromCaller) -> None:
        if isinstance(event, Played) and self._events and isinstance(self._events[-1], Played):
            # The newest account is the whole account; the place of the one before stays, since events are counted.
            self._events[-1] = event
            self._events.append(event)
            return
        self._events.append(event)

    # What the client is told

    def passes(self, delivery: Notice | bytes) -> bool:
        """Whether a client is told this, or was told it before."""
        if isinstance(delivery, bytes):
            self._told = replace(self._told, sent=self._told.sent + len(delivery) // 2)
            return True
        kind = _kind(delivery)
        if kind is not None:
            if self._again[kind]:
                self._again[kind] -= 1
                return False
            self._counts[kind] += 1
        return self._note(delivery)

    def _note(self, notice: Notice) -> bool:
        match notice:
            case notices.Said(turn, text, final) if turn not in self._asides:
                told = self._told
                if turn == told.turn and len(text) <= len(told.text) and told.final >= final:
                    return False
                self._told = replace(told, turn=turn, text=text, final=final)
            case notices.ReplyBegan(turn, aside=True):
                self._asides[turn] = None
            case notices.CallGrew(turn, final=final) if turn not in self._asides:
                self._calling = None if final else turn
            case notices.ReplyEnded(turn):
                self._asides.pop(turn, None)
                self._calling = None
            case _:
                pass
        return True

    # A shard tells where it stands, or is lost

    def keep(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        while self._audio and self._audio_at + len(self._audio[0]) // 2 <= snapshot.position:
            self._drop_oldest()
        while self._events and self._events_at < snapshot.events:
            self._events.popleft()
            self._events_at += 1
        self._told = NOTHING_TOLD
        if not snapshot.moved:
            self._counts.clear()
            self._again.clear()

    def begin_at(self, position: int, events: int) -> None:
        """What came before was said through another gateway."""
        self._audio_at, self._events_at = position, events

    def go_back(self) -> tuple[Return | None, bytes, list[FromCaller]]:
        """Where another shard should go on, and what it has to hear again; without a snapshot, from the beginning."""
        self._again, self._counts = self._counts + self._again, Counter()
        told, self._told = self._told, NOTHING_TOLD
        broken = [*self._asides, *([] if self._calling is None else [self._calling])]
        self._asides.clear()
        self._calling = None
        audio = b"".join(self._audio)
        snapshot = self._snapshot
        if snapshot is None:
            return None, audio, list(self._events)
        # The first piece may begin before the position.
        early = max(snapshot.position - self._audio_at, 0)
        return (
            Return(snapshot.memento, snapshot.position, replace(told, broken=tuple(broken))),
            audio[2 * early :],
            list(self._events),
        )

    def _drop_oldest(self) -> None:
        samples = len(self._audio.popleft()) // 2
        self._samples -= samples
        self._audio_at += samples


def _kind(notice: Notice) -> str | None:
    """Notices that come in a fixed order, so that the second telling of one is known by its number."""
    match notice:
        case notices.Heard(final=final):
            return f"heard {final}" if final else None
        case (
            notices.CallerBegan()
            | notices.CallerStopped()
            | notices.TurnTaken()
            | notices.ReplyBegan()
            | notices.AudioStarted()
            | notices.AudioDone()
            | notices.TurnReport()
            | notices.NobodySpoke()
            | notices.ItemTaken()
            | notices.ItemGone()
            | notices.ItemShown()
            | notices.ItemShortened()
            | notices.BufferCleared()
            | notices.Refused()
            | notices.ReplyEnded()
            | notices.Interrupted()
            | notices.Held()
            | notices.WentOn()
        ):
            return type(notice).__name__
        case _:
            return None
