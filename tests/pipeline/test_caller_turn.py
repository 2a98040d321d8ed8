from pipeline.caller_turn import CallerTurn, Piece
from pipeline.ports import Transcript
from pipeline.work import Work


def piece(attempt: int, start: int, stop: int, text: str | None = None) -> Piece:
    return Piece(Work(1, attempt), start, stop, None if text is None else Transcript(text, "en"))


def turn(*pieces: Piece, attempt: Piece | None = None, before: str = "") -> CallerTurn:
    made = CallerTurn(1, 0, before)
    for one in pieces:
        made.add(one)
    made.attempt = attempt
    return made


def test_its_words_are_those_of_the_turn_before_of_its_pieces_and_of_the_newest_try() -> None:
    made = turn(piece(1, 0, 10, "are"), piece(2, 10, 20), piece(3, 20, 30, ""), attempt=piece(4, 30, 40, "open"), before="well")
    assert made.words() == "well are open"


def test_a_try_that_becomes_a_piece_is_none_any_more() -> None:
    made = turn(attempt=piece(1, 0, 10, "yes"))
    assert made.attempt is not None
    made.add(made.attempt)
    assert (made.attempt, made.start, made.words(), made.under_way) == (None, 10, "yes", False)


def test_only_pieces_are_waited_for() -> None:
    assert turn(attempt=piece(1, 0, 10)).under_way is False
    assert turn(piece(1, 0, 10)).under_way is True


def test_all_that_was_asked_can_be_abandoned() -> None:
    made = turn(piece(1, 0, 10), piece(2, 10, 20, "yes"), attempt=piece(3, 20, 30))
    assert made.work == [Work(1, 1), Work(1, 3)]


def test_results_find_what_they_belong_to() -> None:
    first, newest = piece(1, 0, 10), piece(2, 10, 20)
    made = turn(first, attempt=newest)
    assert (made.find(Work(1, 1)), made.find(Work(1, 2)), made.find(Work(1, 3))) == (first, newest, None)


def test_audio_is_needed_from_the_first_piece_that_is_not_known() -> None:
    assert turn().needed_from == 0
    assert turn(piece(1, 0, 10, "one")).needed_from == 10
    assert turn(piece(1, 0, 10, "one"), piece(2, 10, 20), piece(3, 20, 30, "three")).needed_from == 10


def test_asking_again_keeps_what_is_known_up_to_the_first_gap() -> None:
    made = turn(piece(1, 0, 10, "one"), piece(2, 10, 20), piece(3, 20, 30, "three"), attempt=piece(4, 30, 40), before="nought")
    made.ask_again()
    assert (made.start, made.before, made.pieces, made.attempt) == (10, "nought one", [], None)


def test_words_up_to_a_pause_are_known_when_nothing_before_it_is_awaited() -> None:
    def known(made: CallerTurn, paused_at: int | None = 20) -> bool:
        made.paused_at = paused_at
        return made.known_to_pause

    assert known(turn(piece(1, 0, 10, "one"), attempt=piece(2, 10, 20, "two"))) is True
    assert known(turn(piece(1, 0, 20, "one two"))) is True
    assert known(turn(piece(1, 0, 10), attempt=piece(2, 10, 20, "two"))) is False
    assert known(turn(attempt=piece(1, 0, 20))) is False
    assert known(turn(attempt=piece(1, 0, 15, "one"))) is False
    assert known(turn(piece(1, 0, 20, "one two")), paused_at=None) is False


def test_what_was_said_last_is_the_last_that_is_known() -> None:
    first, second = piece(1, 0, 10, "one"), piece(2, 10, 20, "two")
    assert turn(first, attempt=piece(2, 10, 20)).newest == first
    assert turn(first, attempt=second).newest == second
    assert turn(piece(1, 0, 10)).newest is None
