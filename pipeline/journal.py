"""What a gateway keeps of a conversation, so that another shard can go on with it when the one that holds it is lost.

It is the newest memento, what the caller said and did since, and what the client was told since. What another shard tells a
second time, because it hears the same audio again, is told to nobody.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace

from pipeline import notices
from pipeline.audio import to_samples
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
    """How many of the caller's events are in it; accounts of what was played are not counted."""
    reply: int | None = None
    """Turn of the reply that it knows of."""
    speaking: bool = False
    """Whether the caller was speaking there, and nobody listens to that."""
    again: bool = False
    """Whether more is to come of what the caller said to another shard."""


Placed = tuple[int, FromCaller]
"""What a caller did, and the position in their audio at which they did it."""


@dataclass(frozen=True, slots=True)
class Return:
    """Where another shard should go on."""

    memento: bytes | None
    """None when it begins from the beginning."""
    position: int
    """Where the audio begins that is heard again."""
    told: Told
    taken: int
    """How many of the caller's events are in the memento."""
    events: tuple[Placed, ...] = ()
    """Those that followed."""
    speaking: bool = False


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
        self._events: deque[Placed] = deque()
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
        self._held = False
        """Whether the reply was held and has not gone on."""
        self._passed_over = False
        """Whether the newest snapshot was not kept."""
        self._asides: dict[int, None] = {}
        self._calling: int | None = None
        """Turn of a reply whose function calls are being told."""

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
        # What was played is soon told anew, and when it is heard again another reply may sound.
        if not isinstance(event, Played):
            self._events.append((self._heard_upto, event))

    # What the client is told

    def news(self, delivery: Notice | bytes) -> Notice | bytes | None:
        """What of this the client should be told, which may know it already."""
        if isinstance(delivery, bytes):
            return self._audio_news(delivery)
        kind = _kind(delivery)
        if kind is not None:
            if self._again[kind]:
                self._again[kind] -= 1
                return self._begins_again() if kind == ("AudioStarted", self._told.turn) else None
            self._counts[kind] += 1
        return delivery if self._note(delivery) else None

    def _begins_again(self) -> Notice | None:
        """A reply that no memento knows is told from its beginning; one that was held goes on from there."""
        told = self._told
        held = 0 if told.held_ms is None else to_samples(told.held_ms, self._out_rate)
        self._sent_again = held + told.sent
        if not self._held or told.turn is None or told.held_ms is None:
            return None
        self._held = False
        return notices.WentOn(told.turn, told.held_ms)

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
                if self._counts["Heard", turn] or not text.startswith(before) or text == before:
                    return False
                self._partial = (turn, text)
            case notices.AudioStarted(turn):
                self._told = replace(self._of(turn), held_ms=None, sent=0)
                self._sent_again, self._held = 0, False
            case notices.Held(heard_ms=at_ms) | notices.WentOn(at_ms=at_ms):
                self._told = replace(self._told, held_ms=at_ms, sent=0)
                self._plays_until = 0.0
                self._sent_again, self._held = 0, isinstance(notice, notices.Held)
            case notices.Interrupted(turn, _, heard):
                self._told = replace(self._of(turn), heard=heard)
                self._sent_again, self._held = 0, False
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
        if self._passed_over:
            return
        self._let_go(position, events)
        # What was told of it is not told again.
        self._counts = Counter({kind: count for kind, count in self._counts.items() if kind[0] in _OF_A_REPLY})

    def _let_go(self, position: int, events: int) -> None:
        while self._audio and self._audio_at + len(self._audio[0]) // 2 <= position:
            self._drop_oldest()
        while self._events and self._events_at < events:
            self._events.popleft()
            self._events_at += 1

    def keep(self, snapshot: Snapshot) -> None:
        """Takes the place of the one before, unless the client knows more of a reply than the shard has told again."""
        self._passed_over = self._knows_less(snapshot)
        if self._passed_over:
            return
        self._snapshot = snapshot
        self._let_go(snapshot.position, snapshot.events)
        if not snapshot.again:
            self._again.clear()
        # What is still to be told again comes after it.
        self._counts = self._again.copy()
        self._told = NOTHING_TOLD
        self._sent_again = 0

    def _knows_less(self, snapshot: Snapshot) -> bool:
        begun = {turn for (kind, turn), count in self._again.items() if kind == "AudioStarted" and count}
        if snapshot.again and begun:
            return True
        reply = snapshot.reply
        return reply is not None and (reply in begun or (reply == self._told.turn and self._sent_again > 0))

    def begin_at(self, position: int, events: int) -> None:
        """What came before was said through another gateway."""
        self._audio_at, self._events_at = position, events

    def go_back(self) -> tuple[Return, bytes]:
        """Where another shard should go on, and what it has to hear again."""
        snapshot, told = self._snapshot, self._told
        known = snapshot is not None and told.turn is not None and told.turn == snapshot.reply
        self._again = self._counts.copy()
        if known:
            # It is gone on with, and not begun again; one that is over has nothing more to be told, and turn 0 is that of
            # others, too.
            over = told.heard is not None
            for kind in _OF_A_REPLY if over else ("AudioStarted", "TurnReport"):
                del self._again[kind, told.turn]
        broken = (*told.broken, *self._asides, *([] if self._calling is None else [self._calling]))
        unheard = max(round((self._plays_until - self._heard_upto) * self._out_rate / LISTENING_RATE), 0)
        self._told = replace(told, broken=broken, unheard=unheard)
        self._sent_again = 0
        self._asides.clear()
        self._calling = None
        self._passed_over = False
        audio, events = b"".join(self._audio), tuple(self._events)
        if snapshot is None:
            return Return(
                None, self._audio_at, replace(NOTHING_TOLD, again=(0, self._heard_upto)), self._events_at, events
            ), audio
        # The first piece may begin before the position; or what was there has not been kept.
        position = max(snapshot.position, self._audio_at)
        early = position - self._audio_at
        told = replace(self._told, again=(snapshot.position, self._heard_upto))
        speaking = snapshot.speaking and position == snapshot.position
        return Return(snapshot.memento, position, told, self._events_at, events, speaking), audio[2 * early :]

    def _drop_oldest(self) -> None:
        samples = len(self._audio.popleft()) // 2
        self._samples -= samples
        self._audio_at += samples


_Kind = tuple[str, int | None]
"""What a notice is, and of which turn, if it says so."""
_OF_A_REPLY = ("ReplyBegan", "AudioStarted", "AudioDone", "TurnReport", "ReplyEnded", "Interrupted")


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
