"""Asks for the words of a caller's turn: pieces that are what it will have said, and tries at the words so far.

Only one try is of use at a time. One that is replaced before its words were needed is entered in the books as wasted.
"""

from collections.abc import Callable
from dataclasses import replace

from pipeline.audio import to_samples
from pipeline.caller_turn import CallerTurn, Piece
from pipeline.commands import Abandon, Command, Transcribe
from pipeline.config import Budget
from pipeline.manner import Manner
from pipeline.ports import LISTENING_RATE
from pipeline.speculation import Books
from pipeline.work import Work

_TAIL = to_samples(200, LISTENING_RATE)
"""Silence after the last sound that recognition gets too, since words fade out."""


class Scribe:
    def __init__(self, budget: Budget, manner: Manner, books: Books, new_work: Callable[[int], Work]) -> None:
        self._patience_s = budget.asr_ms * budget.hedge_at / 1000
        self.manner = manner
        self._books = books
        self._new_work = new_work

    def so_far(self, caller: CallerTurn, upto: int, expected: tuple[str, ...]) -> list[Command]:
        """Asks for the words so far, in place of an older try."""
        out = self._give_up_try(caller)
        caller.attempt = piece = Piece(self._new_work(caller.number), caller.start, upto)
        return [*out, self._ask(piece, expected)]

    def piece(self, caller: CallerTurn, stop: int, expected: tuple[str, ...]) -> list[Command]:
        """Asks for everything that is in no piece yet."""
        out = self._give_up_try(caller)
        piece = Piece(self._new_work(caller.number), caller.start, stop)
        caller.add(piece)
        return [*out, self._ask(piece, expected)]

    def given(self, caller: CallerTurn, pcm: bytes, expected: tuple[str, ...]) -> list[Command]:
        """Asks for the words of audio that did not come through the caller's line."""
        piece = Piece(self._new_work(caller.number), caller.start, caller.start)
        caller.add(piece)
        return [replace(self._ask(piece, expected), pcm=pcm)]

    def _ask(self, piece: Piece, expected: tuple[str, ...]) -> Transcribe:
        self._books.calls += 1
        language, prompt = self.manner.language, self.manner.prompt
        return Transcribe(piece.work, piece.start, piece.stop + _TAIL, language, expected, self._patience_s, prompt)

    def _give_up_try(self, caller: CallerTurn) -> list[Command]:
        attempt, caller.attempt = caller.attempt, None
        if attempt is None:
            return []
        self._books.wasted_calls += 1
        return [Abandon(attempt.work)] if attempt.transcript is None else []
