"""Turns of the caller that are written down, whatever else goes on; nothing answers them by itself.

They are turns that a client declared, turns spoken while a reply is heard that they must not interrupt, and turns whose words
are still awaited when something else begins.
"""

from pipeline import events as on
from pipeline.caller_turn import CallerTurn
from pipeline.commands import Abandon, Command, Tell
from pipeline.history import History, Item
from pipeline.notices import Failed, Heard
from pipeline.ports import Message, Transcript
from pipeline.scribe import Scribe


class Beside:
    def __init__(self, history: History, scribe: Scribe) -> None:
        self._history = history
        self._scribe = scribe
        self.speaking: CallerTurn | None = None
        """The turn that is being spoken."""
        self._awaited: list[CallerTurn] = []
        """Turns that have ended, whose words are not known yet."""

    @property
    def awaits_words(self) -> bool:
        return bool(self._awaited)

    @property
    def needed_from(self) -> int | None:
        """Position from which the caller's audio may still be asked for."""
        turns = self._awaited if self.speaking is None else [*self._awaited, self.speaking]
        return min((turn.needed_from for turn in turns), default=None)

    def knows(self, event: on.Transcribed | on.StageFailed) -> bool:
        return self._find(event) is not None

    def write(self, turn: CallerTurn, stop: int, expected: tuple[str, ...]) -> list[Command]:
        """The turn has ended there; its words are wanted."""
        if self.speaking is turn:
            self.speaking = None
        attempt = turn.attempt
        out: list[Command] = []
        if attempt is not None and attempt.stop >= stop:
            turn.add(attempt)
        elif stop > turn.start:
            out = self._scribe.piece(turn, stop, expected)
        self._awaited.append(turn)
        return [*out, *self._known(turn)]

    def write_given(self, turn: CallerTurn, pcm: bytes, expected: tuple[str, ...]) -> list[Command]:
        self._awaited.append(turn)
        return self._scribe.given(turn, pcm, expected)

    def take_over(self, turn: CallerTurn) -> list[Command]:
        """A turn that has ended is awaited here from now on."""
        self._awaited.append(turn)
        return self._known(turn)

    def piece_due(self, stop: int, expected: tuple[str, ...]) -> list[Command]:
        return [] if self.speaking is None else self._scribe.piece(self.speaking, stop, expected)

    def transcribed(self, event: on.Transcribed) -> list[Command]:
        turn = self._find(event)
        piece = None if turn is None else turn.find(event.work)
        if turn is None or piece is None:
            return []
        piece.transcript = event.transcript
        return self._known(turn)

    def failed(self, event: on.StageFailed) -> list[Command]:
        turn = self._find(event)
        if turn is None:
            return []
        out: list[Command] = [Abandon(work) for work in turn.work]
        if turn is self.speaking:
            turn.ask_again()
            return out
        self._awaited.remove(turn)
        return [*out, Tell(Failed(event.code, event.message, event.fault, turn.item))]

    def drop(self) -> list[Command]:
        """The caller is gone."""
        turns = self._awaited if self.speaking is None else [*self._awaited, self.speaking]
        self.speaking, self._awaited = None, []
        return [Abandon(work) for turn in turns for work in turn.work]

    def _known(self, turn: CallerTurn) -> list[Command]:
        if turn not in self._awaited or turn.under_way:
            return []
        self._awaited.remove(turn)
        words = turn.words()
        newest = turn.newest.transcript if turn.newest is not None else None
        newest = newest or Transcript("", self._scribe.manner.language)
        self._history.tell(Item(turn.item, Message("user", words), spoken=True))
        return [Tell(Heard(turn.number, words, True, newest.language, newest.confidence, turn.item))]

    def _find(self, event: on.Transcribed | on.StageFailed) -> CallerTurn | None:
        turns = self._awaited if self.speaking is None else [*self._awaited, self.speaking]
        return next((turn for turn in turns if turn.find(event.work) is not None), None)
