from itertools import count

from pipeline.audio import to_samples
from pipeline.caller_turn import CallerTurn
from pipeline.commands import Abandon, Transcribe
from pipeline.config import Budget
from pipeline.manner import Manner
from pipeline.ports import LISTENING_RATE, Transcript
from pipeline.scribe import Scribe
from pipeline.speculation import Books
from pipeline.work import Work

TAIL = to_samples(200, LISTENING_RATE)
PATIENCE_S = 0.24


def made() -> tuple[Scribe, Books]:
    books, numbers = Books(), count(1)
    return Scribe(Budget(), Manner("en"), books, lambda turn: Work(turn, next(numbers))), books


def test_a_try_asks_for_everything_that_is_in_no_piece_yet() -> None:
    scribe, books = made()
    caller = CallerTurn(1, 1_000)
    assert scribe.so_far(caller, 9_000, ("yes",)) == [Transcribe(Work(1, 1), 1_000, 9_000 + TAIL, "en", ("yes",), PATIENCE_S)]
    assert caller.start == 1_000
    assert (books.calls, books.wasted_calls) == (1, 0)


def test_a_newer_try_replaces_it_and_the_older_is_waste() -> None:
    scribe, books = made()
    caller = CallerTurn(1, 0)
    scribe.so_far(caller, 9_000, ())
    first, second = scribe.so_far(caller, 12_000, ())
    assert first == Abandon(Work(1, 1))
    assert isinstance(second, Transcribe)
    assert (books.calls, books.wasted_calls) == (2, 1)


def test_a_try_that_has_come_back_need_not_be_stopped() -> None:
    scribe, _ = made()
    caller = CallerTurn(1, 0)
    scribe.so_far(caller, 9_000, ())
    assert caller.attempt is not None
    caller.attempt.transcript = Transcript("well", "en")
    assert [type(command) for command in scribe.so_far(caller, 12_000, ())] == [Transcribe]


def test_the_next_piece_begins_where_the_last_one_ended() -> None:
    scribe, _ = made()
    caller = CallerTurn(2, 500)
    scribe.piece(caller, 8_000, ())
    (second,) = scribe.piece(caller, 20_000, ())
    assert second == Transcribe(Work(2, 2), 8_000, 20_000 + TAIL, "en", (), PATIENCE_S)
    assert [(piece.start, piece.stop) for piece in caller.pieces] == [(500, 8_000), (8_000, 20_000)]
