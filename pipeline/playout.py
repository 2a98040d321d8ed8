"""Reply audio of one turn on its way to the ear: made, sent, played; all counted in samples.

Audio is sent a little ahead of its playing and no more, so that little has to be thrown away when the caller interrupts. What
has been played is what the client says, or else what the clock allows: playing begins when audio arrives and pauses when it
runs out. `heard_text` tells the words that were played up to now.
"""

from collections import deque

from pipeline.audio import to_ms, to_samples
from pipeline.config import Playout as Rules
from pipeline.ledger import Ledger
from pipeline.ports import Word

_MARK_MS = 50
"""How closely the places of words are told."""
_KEPT_LEADS = 2
"""How much of what was sent is kept, in leads: a client may be behind what the clock allows."""


class Playout:
    """Paces the audio of one reply, and keeps the ledger of what was heard."""

    def __init__(self, rules: Rules, rate: int, *, holds: bool = True, not_before: float = 0.0) -> None:
        """`holds` keeps what was sent, since it may have to be sent again; nothing is heard earlier than `not_before`."""
        self.rate = rate
        self._holds = holds
        self._not_before = not_before
        self._lead = to_samples(rules.lead_ms, rate)
        # Audio is asked for when a chunk fits into the lead, which must be before the client runs dry.
        self._chunk = min(to_samples(rules.chunk_ms, rate), max(self._lead // 2, 1))
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self.ledger = Ledger(rate)
        self._closed = False
        self._held_at: int | None = None
        """What had been heard when playing was stopped; it goes on from there."""
        self._recent: deque[bytes] = deque()
        """What was sent last, as far as it may not have been heard yet."""
        self._kept = 0
        """Samples in it."""
        self._told = 0
        self._anchor = 0
        self._anchored_at = 0.0
        self.sent = 0
        """Samples that went to the client."""
        self._skip = 0
        """Samples that are made once more, but were sent before."""
        self.reported = False
        """Whether the client tells what it has played."""

    @property
    def made(self) -> int:
        """Samples that were made."""
        return self.ledger.samples

    def add(self, pcm: bytes, words: tuple[Word, ...]) -> None:
        """Takes audio of the newest phrase."""
        samples = len(pcm) // 2
        self.ledger.add(samples, words)
        skipped = min(self._skip, samples)
        self._skip -= skipped
        if skipped and self._holds:
            self._keep(pcm[: 2 * skipped])
        if skipped < samples:
            self._queue.append(pcm[2 * skipped :])
            self._queued += samples - skipped

    @property
    def held(self) -> bool:
        return self._held_at is not None

    def hold(self, now: float) -> None:
        """Stops at what has been heard; what the client throws away is sent again when it goes on."""
        # A client may say that it is further behind than anybody keeps audio for.
        # In whole milliseconds, as it is told: who places what comes again has no hole.
        heard = self.heard(now)
        if heard < self.sent:
            heard = to_samples(heard * 1000 // self.rate, self.rate)
        self._held_at = max(heard, self._kept_from)

    def go_on(self) -> None:
        if self._held_at is None:
            return
        unheard = max(self._kept_to - self._held_at, 0)
        self._skip = max(self._held_at - self._kept_to, 0)
        if unheard:
            self._queue.appendleft(b"".join(self._recent)[-2 * unheard :])
            self._queued += unheard
        self._recent.clear()
        self._kept = 0
        self.sent = self._anchor = self._told = self._held_at
        self._held_at = None

    @property
    def _kept_to(self) -> int:
        """Where what is kept ends; what was sent from elsewhere is kept as it is made again."""
        return self.made if self._skip else self.sent

    @property
    def _kept_from(self) -> int:
        return self._kept_to - self._kept

    def sent_before(self, samples: int, unheard: int, now: float) -> None:
        """So much of it went to the client from elsewhere; it is made again, but not sent."""
        self.sent, self._anchor = samples, samples - unheard
        self._anchored_at = now
        self._skip = samples

    def close(self) -> None:
        """Nothing more will be made."""
        self._closed = True

    @property
    def all_sent(self) -> bool:
        return self._closed and not self._queued and self._held_at in (None, self.sent)

    def ahead_ms(self, now: float) -> int:
        """Audio that was made and not heard yet."""
        return to_ms(self.made - self.heard(now), self.rate)

    def played(self, ms: int, now: float) -> None:
        """The client's own account; it cannot have played what was not sent, nor less than it said before."""
        if not self.sent:
            return
        self.reported = True
        self._anchor = self._told = min(max(to_samples(ms, self.rate), self._told), self.sent)
        self._anchored_at = now
        if self._held_at is not None:
            # It knows best where it stopped.
            self._held_at = max(self._anchor, self._kept_from)

    def heard(self, now: float) -> int:
        """Samples that were played up to now."""
        if self._held_at is not None:
            return self._held_at
        if not self.sent:
            return 0
        return min(self.sent, self._anchor + max(round((now - self._anchored_at) * self.rate), 0))

    def heard_ms(self, now: float) -> int:
        return to_ms(self.heard(now), self.rate)

    def heard_text(self, now: float) -> str:
        return self.ledger.text(self.heard(now))

    def take(self, now: float) -> bytes:
        """What should be sent now, or nothing."""
        if self.held:
            return b""
        amount = min(self._queued, self._lead - (self.sent - self.heard(now)))
        if amount < min(self._wanted(now), self._queued) or amount <= 0:
            return b""
        if self.heard(now) >= self.sent:
            self._anchor, self._anchored_at = self.sent, max(now, self._not_before)
        self.sent += amount
        self._queued -= amount
        pcm = self._dequeue(2 * amount)
        if self._holds:
            self._keep(pcm)
        return pcm

    def marks(self, newest: int) -> tuple[tuple[int, int], ...]:
        """Where words have been said in so many samples that were sent last: milliseconds, and words of the reply by then."""
        marks: list[tuple[int, int]] = []
        said = self.ledger.words(self.sent - newest)
        step = to_samples(_MARK_MS, self.rate)
        for place in [*range(self.sent - newest + step, self.sent, step), self.sent]:
            words = self.ledger.words(place)
            if words > said:
                marks.append((to_ms(place, self.rate), words))
                said = words
        return tuple(marks)

    def _keep(self, pcm: bytes) -> None:
        self._recent.append(pcm)
        self._kept += len(pcm) // 2
        while self._kept - len(self._recent[0]) // 2 >= _KEPT_LEADS * self._lead:
            self._kept -= len(self._recent.popleft()) // 2

    def heard_out_at(self) -> float:
        """When the last of what was sent will have been heard."""
        return self._played_at(self.sent)

    def due(self) -> float | None:
        """When something has to be done again, if nothing is made in between."""
        if self.held:
            return None
        if self._queued:
            return self._played_at(self.sent + min(self._chunk, self._queued) - self._lead)
        return self._played_at(self.sent) if self._closed and self.sent else None

    def ahead_only(self, ms: int) -> float:
        """When no more than this will be ahead of what is heard, if nothing is made in between."""
        return self._played_at(self.made - to_samples(ms, self.rate))

    def heard_out(self, now: float) -> bool:
        return self.all_sent and self.heard(now) >= self.sent

    def _wanted(self, now: float) -> int:
        """Anything helps a client that is about to run dry; otherwise a whole chunk is worth a message."""
        return 1 if self.sent - self.heard(now) < self._chunk else self._chunk

    def _played_at(self, position: int) -> float:
        return self._anchored_at + (position - self._anchor) / self.rate

    def _dequeue(self, size: int) -> bytes:
        if self._queue and len(self._queue[0]) == size:
            return self._queue.popleft()
        taken: list[bytes] = []
        while size:
            chunk = self._queue.popleft()
            if len(chunk) > size:
                self._queue.appendleft(chunk[size:])
                chunk = chunk[:size]
            taken.append(chunk)
            size -= len(chunk)
        return b"".join(taken)
