from pipeline.config import Speculation
from pipeline.speculation import Allowance, Books


def test_so_many_in_a_turn() -> None:
    allowance = Allowance(Speculation(per_turn=2, per_minute=10))
    assert [allowance.take(1, 0.0) for _ in range(3)] == [True, True, False]
    assert allowance.take(2, 1.0) is True


def test_so_many_in_a_minute() -> None:
    allowance = Allowance(Speculation(per_turn=2, per_minute=3))
    assert [allowance.take(turn, 10.0 * turn) for turn in range(1, 6)] == [True, True, True, False, False]
    assert allowance.take(6, 69.9) is False
    assert allowance.take(7, 70.0) is True


def test_books_add_up() -> None:
    books = Books(started=1, used=1, calls=5)
    books.add(Books(started=2, used=1, discarded=1, calls=7, wasted_calls=2, wasted_s=0.5))
    assert books == Books(started=3, used=2, discarded=1, calls=12, wasted_calls=2, wasted_s=0.5)
