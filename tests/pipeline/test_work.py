import pickle

from pipeline.work import Work


def test_it_is_named_by_turn_and_attempt_and_crosses_actors() -> None:
    work = Work(3, 7)
    assert (work.turn, work.attempt) == (3, 7)
    assert pickle.loads(pickle.dumps(work)) == work
    assert len({work, Work(3, 8), Work(4, 7), Work(3, 7)}) == 3
