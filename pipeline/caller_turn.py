"""What the caller says in one turn: pieces of audio that become words, and a try at the words so far.

Pieces follow each other without a gap and are what the turn will have said. The try covers what comes after them up to now; it
is replaced by the next one, and becomes the last piece when the turn ends where it ended.
"""

from dataclasses import dataclass, field

from pipeline.partials import Partials
from pipeline.ports import Transcript
from pipeline.work import Work


@dataclass(slots=True)
class Piece:
    work: Work
    start: int
    """Position of its first sample."""
    stop: int
    transcript: Transcript | None = None


@dataclass(slots=True)
class CallerTurn:
    number: int
    start: int
    """Position where the audio begins that is in no piece yet."""
    before: str = ""
    """Words from a turn that turned out not to have ended."""
    pieces: list[Piece] = field(default_factory=lambda: [])
    attempt: Piece | None = None
    """The try at the words so far."""
    partials: Partials = field(default_factory=Partials)
    paused_at: int | None = None
    """Position of the last sound, while the caller makes a pause."""
    ended: bool = False
    item: str = ""
    """What it will be for a client that keeps items."""

    @property
    def under_way(self) -> bool:
        return any(piece.transcript is None for piece in self.pieces)

    @property
    def known_to_pause(self) -> bool:
        """Whether the caller makes a pause, and all words up to there are known."""
        if self.paused_at is None or self.under_way:
            return False
        known = self.attempt.stop if self.attempt is not None and self.attempt.transcript is not None else self.start
        return known >= self.paused_at

    @property
    def newest(self) -> Piece | None:
        """What was said last, as far as its words are known."""
        asked = [*self.pieces, self.attempt] if self.attempt is not None else self.pieces
        return next((piece for piece in reversed(asked) if piece.transcript is not None), None)

    @property
    def needed_from(self) -> int:
        """Position before which the audio of this turn has become words."""
        return min([self.start, *(piece.start for piece in self.pieces if piece.transcript is None)])

    @property
    def work(self) -> list[Work]:
        """What is under way for it."""
        asked = [*self.pieces, self.attempt] if self.attempt is not None else self.pieces
        return [piece.work for piece in asked if piece.transcript is None]

    def find(self, work: Work) -> Piece | None:
        if self.attempt is not None and self.attempt.work == work:
            return self.attempt
        return next((piece for piece in self.pieces if piece.work == work), None)

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.start = piece.stop
        self.attempt = None

    def words(self) -> str:
        """Everything that is known of what was said so far."""
        pieces = [*self.pieces, self.attempt] if self.attempt is not None else self.pieces
        heard = [piece.transcript.text for piece in pieces if piece.transcript is not None]
        return " ".join(text for text in [self.before, *heard] if text)

    def ask_again(self) -> None:
        """Forgets what was asked and did not come back, so that it is asked once more with what follows."""
        heard = [self.before]
        for piece in self.pieces:
            if piece.transcript is None:
                break
            heard.append(piece.transcript.text)
        self.start, self.before = self.needed_from, " ".join(text for text in heard if text)
        self.pieces, self.attempt = [], None
