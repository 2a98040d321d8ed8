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
    def __init__(self, out_rate: int) -> None:
        """`out_rate` is that of the reply's audio; the clock here is the caller's own audio."""
        self._out_rate = out_rate
        self._plays_until = 0.0
        """Position in the caller's audio at which all that was sent will have been played."""
        self._snapshot: Snapshot | None = None
        self._audio: deque[bytes] = deque()
        self._audio_at = 0
        """Position of the first sample that is kept."""
        self._samples = 0
        self._events: deque[FromCaller] = deque()
        self._events_at = 0
        self._told = NOTHING_TOLD
        self._partial: tuple[int, str] = (0, "")
        """A turn, and what the client was told of its words before all of them were known."""
        self._counts: Counter[_Kind] = Counter()
        """Notices since the snapshot."""
        self._again: Counter[_Kind] = Counter()
        """Those of them that another shard has yet to repeat."""
        self._sent_again = 0
        """Samples of reply audio that it is about to repeat."""
        self._asides: dict[int, None] = {}
        self._calling: int | None = None
        """Turn of a reply whose function calls are being told."""

    @property
    def events_at(self) -> int:
        """How many events are not kept any more."""
        return self._events_at

    @property
    def _heard_upto(self) -> int:
        """Position after the caller's newest sample."""
        return self._audio_at + self._samples

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

    def news(self, delivery: Notice | bytes) -> Notice | bytes | None:
        """What of this the client should be told, which may know it already."""
        if isinstance(delivery, bytes):
            return self._audio_news(delivery)
        kind = _kind(delivery)
        if kind is not None:
            if self._again[kind]:
                self._again[kind] -= 1
                if kind == ("AudioStarted", self._told.turn):
                    # A reply that no memento knows is told from its beginning.
                    self._sent_again = self._told.sent
                return None
            self._counts[kind] += 1
        return delivery if self._note(delivery) else None

    def _audio_news(self, pcm: bytes) -> bytes | None:
        samples = len(pcm) // 2
        known = min(self._sent_again, samples)
        self._sent_again -= known
        if known == samples:
            return None
        new = samples - known
        self._told = replace(self._told, sent=self._told.sent + new)
        self._plays_until = max(self._plays_until, self._heard_upto) + new * LISTENING_RATE / self._out_rate
        return pcm[2 * known :]

    def _note(self, notice: Notice) -> bool:
        match notice:
            case notices.Said() if notice.turn not in self._asides:
                return self._note_said(notice)
            case notices.Heard(turn, text, final=False):
                # Until all words are known what is told of them only grows.
                before = self._partial[1] if self._partial[0] == turn else ""
                if not text.startswith(before) or text == before:
                    return False
                self._partial = (turn, text)
            case notices.AudioStarted(turn):
                self._told = replace(self._of(turn), held_ms=None, sent=0)
            case notices.Held(heard_ms=at_ms) | notices.WentOn(at_ms=at_ms):
                self._told = replace(self._told, held_ms=at_ms, sent=0)
                self._plays_until = 0.0
            case notices.Interrupted(turn, _, heard):
                self._told = replace(self._of(turn), heard=heard)
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

    def _note_said(self, said: notices.Said) -> bool:
        told = self._of(said.turn)
        known = told.texts[-1] if told.texts else ""
        if len(said.text) <= len(known) and told.final >= said.final:
            return False
        self._told = replace(told, texts=(*told.texts, said.text), final=said.final)
        return True

    def _of(self, turn: int) -> Told:
        """What was told of the reply to this turn."""
        told = self._told
        return replace(told, turn=turn) if told.turn in (None, turn) else Told(turn=turn, broken=told.broken)

    # A shard tells where it stands, or is lost

    def advance(self, position: int, events: int) -> None:
        """Nothing has changed since the snapshot, and what was said up to here changes nothing."""
        while self._audio and self._audio_at + len(self._audio[0]) // 2 <= position:
            self._drop_oldest()
        while self._events and self._events_at < events:
            self._events.popleft()
            self._events_at += 1

    def keep(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.advance(snapshot.position, snapshot.events)
        self._told = NOTHING_TOLD
        self._sent_again = 0
        if not snapshot.moved:
            self._counts.clear()
            self._again.clear()

    def begin_at(self, position: int, events: int) -> None:
        """What came before was said through another gateway."""
        self._audio_at, self._events_at = position, events

    def go_back(self) -> tuple[Return | None, bytes, list[FromCaller]]:
        """Where another shard should go on, and what it has to hear again; without a snapshot, from the beginning."""
        self._again = self._counts.copy()
        if self._told.heard is not None:
            # The reply is over, and nothing of it is told again; turn 0 is that of others, too.
            for kind in ("AudioStarted", "AudioDone", "TurnReport", "Interrupted"):
                del self._again[kind, self._told.turn]
        broken = (*self._told.broken, *self._asides, *([] if self._calling is None else [self._calling]))
        unheard = max(round((self._plays_until - self._heard_upto) * self._out_rate / LISTENING_RATE), 0)
        self._told = replace(self._told, broken=broken, unheard=unheard)
        self._sent_again = 0
        self._asides.clear()
        self._calling = None
        audio = b"".join(self._audio)
        snapshot = self._snapshot
        if snapshot is None:
            return None, audio, list(self._events)
        # The first piece may begin before the position; or what was there has not been kept.
        position = max(snapshot.position, self._audio_at)
        early = position - self._audio_at
        told = replace(self._told, again=(snapshot.position, self._heard_upto))
        return Return(snapshot.memento, position, told), audio[2 * early :], list(self._events)

    def _drop_oldest(self) -> None:
        samples = len(self._audio.popleft()) // 2
        self._samples -= samples
        self._audio_at += samples


_Kind = tuple[str, int | None]
"""What a notice is, and of which turn, if it says so."""


def _kind(notice: Notice) -> _Kind | None:
    """Notices that come in a fixed order, so that the second telling of one is known by its number.

    A reply that is held again is told to be held again: its client throws away what it has not played.
    """
    match notice:
        case notices.Heard(final=False):
            return None
        case (
            notices.Heard()
            | notices.CallerBegan()
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
        ):
            return type(notice).__name__, getattr(notice, "turn", None)
        case _:
            return None
