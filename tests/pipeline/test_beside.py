from itertools import count

from pipeline import events as on
from pipeline.beside import Beside
from pipeline.caller_turn import CallerTurn, Piece
from pipeline.commands import Abandon, Tell, Transcribe
from pipeline.config import Budget
from pipeline.errors import Fault
from pipeline.history import History
from pipeline.manner import Manner
from pipeline.notices import Failed, Heard
from pipeline.ports import Transcript
from pipeline.scribe import Scribe
from pipeline.speculation import Books
from pipeline.work import Work
from tests.pipeline.talk import TAIL, user

FIRST, SECOND = Work(1, 1), Work(1, 2)
PATIENCE_S = 0.24


def made() -> tuple[Beside, History]:
    numbers, history = count(1), History(10)
    scribe = Scribe(Budget(), Manner("en"), Books(), lambda turn: Work(turn, next(numbers)))
    return Beside(history, scribe), history


def turn(start: int = 0, attempt: Piece | None = None) -> CallerTurn:
    return CallerTurn(1, start, attempt=attempt, item="item_1")


def words(work: Work, text: str) -> on.Transcribed:
    return on.Transcribed(work, Transcript(text, "en", 0.9), 0.1)


def fails(work: Work) -> on.StageFailed:
    return on.StageFailed(work, "provider_cut", "It was cut.", Fault.PROVIDER)


def heard(text: str, confidence: float | None = 0.9) -> Tell:
    return Tell(Heard(1, text, True, "en", confidence, "item_1"))


def test_a_turn_that_ends_is_asked_for_and_told_when_its_words_are_known() -> None:
    beside, history = made()
    assert beside.write(turn(), 8_000, ("yes",)) == [Transcribe(FIRST, 0, 8_000 + TAIL, "en", ("yes",), PATIENCE_S)]
    assert (beside.awaits_words, beside.needed_from) == (True, 0)
    assert beside.transcribed(words(FIRST, "hello")) == [heard("hello")]
    assert (beside.awaits_words, beside.needed_from, history.entries()) == (False, None, (user("hello"),))


def test_a_try_that_covers_the_turn_is_not_asked_for_again() -> None:
    beside, _ = made()
    assert beside.write(turn(attempt=Piece(SECOND, 0, 8_000, Transcript("hello", "en", 0.9))), 8_000, ()) == [heard("hello")]
    assert beside.write(turn(attempt=Piece(SECOND, 0, 8_000)), 8_000, ()) == []
    assert beside.transcribed(words(SECOND, "again")) == [heard("again")]


def test_a_try_that_is_too_short_is_replaced() -> None:
    beside, _ = made()
    asked = Transcribe(FIRST, 0, 8_000 + TAIL, "en", (), PATIENCE_S)
    assert beside.write(turn(attempt=Piece(SECOND, 0, 7_999)), 8_000, ()) == [Abandon(SECOND), asked]


def test_a_turn_without_audio_has_no_words() -> None:
    beside, _ = made()
    assert beside.write(turn(start=8_000), 8_000, ()) == [heard("", None)]


def test_pieces_of_a_turn_that_is_spoken_are_told_together_at_its_end() -> None:
    beside, _ = made()
    beside.speaking = spoken = turn()
    assert beside.piece_due(8_000, ()) == [Transcribe(FIRST, 0, 8_000 + TAIL, "en", (), PATIENCE_S)]
    assert beside.transcribed(words(FIRST, "are you")) == []
    assert beside.needed_from == 8_000
    assert beside.write(spoken, 12_000, ()) == [Transcribe(SECOND, 8_000, 12_000 + TAIL, "en", (), PATIENCE_S)]
    assert beside.speaking is None
    assert beside.transcribed(words(SECOND, "open")) == [heard("are you open")]


def test_nobody_speaks_so_no_piece_is_due() -> None:
    assert made()[0].piece_due(8_000, ()) == []


def test_a_turn_that_is_taken_over_is_awaited_or_told_at_once() -> None:
    beside, _ = made()
    waiting, known = turn(), turn()
    waiting.add(Piece(FIRST, 0, 8_000))
    known.add(Piece(SECOND, 0, 8_000, Transcript("hello", "en", 0.9)))
    assert (beside.take_over(waiting), beside.take_over(known)) == ([], [heard("hello")])
    assert [beside.knows(fails(work)) for work in (FIRST, SECOND)] == [True, False]


def test_a_turn_whose_words_cannot_be_had_is_told_of_and_awaited_no_more() -> None:
    beside, history = made()
    beside.write(turn(), 8_000, ())
    failed = Tell(Failed("provider_cut", "It was cut.", Fault.PROVIDER, "item_1"))
    assert beside.failed(fails(FIRST)) == [Abandon(FIRST), failed]
    assert (beside.awaits_words, beside.failed(fails(FIRST)), history.entries()) == (False, [], ())


def test_a_piece_that_fails_while_the_caller_speaks_is_asked_for_again_with_what_follows() -> None:
    beside, _ = made()
    beside.speaking = spoken = turn()
    beside.piece_due(8_000, ())
    assert beside.failed(fails(FIRST)) == [Abandon(FIRST)]
    assert beside.write(spoken, 12_000, ()) == [Transcribe(SECOND, 0, 12_000 + TAIL, "en", (), PATIENCE_S)]


def test_when_the_caller_is_gone_everything_is_abandoned() -> None:
    beside, _ = made()
    beside.write(turn(), 8_000, ())
    beside.speaking = turn(start=8_000)
    beside.piece_due(9_000, ())
    assert beside.drop() == [Abandon(FIRST), Abandon(SECOND)]
    assert (beside.speaking, beside.awaits_words, beside.needed_from) == (None, False, None)
