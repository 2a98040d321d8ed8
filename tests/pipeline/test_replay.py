"""When a conversation that has moved is given what its caller did: each thing after the audio that came before it."""

import numpy as np

from pipeline.ear import Ear
from pipeline.events import StopAsked, Typed
from pipeline.journal import Placed, Return
from pipeline.loading import load_config
from pipeline.memento import Told
from pipeline.replay import _MOST_WAITING, Replay

WINDOW = 512


def replay(upto: int, *events: Placed) -> tuple[Ear, Replay]:
    ear = Ear(load_config(environ={}))
    again = Replay(ear, Return(None, 0, Told(again=(0, upto)), 0, events))
    ear.hear(np.zeros(upto, np.int16), 0.0)
    return ear, again


def judge(ear: Ear, windows: int) -> None:
    for _ in range(windows):
        assert ear.next_window() is not None
        ear.judge(0.0, piece_under_way=False)


def test_an_event_waits_for_the_audio_before_it() -> None:
    ear, again = replay(4 * WINDOW, (2 * WINDOW, Typed("two")), (3 * WINDOW, StopAsked()))
    judge(ear, 1)
    assert again.next() is None
    judge(ear, 1)
    assert (again.next(), again.next()) == (Typed("two"), None)
    judge(ear, 1)
    assert (again.next(), again.next()) == (StopAsked(), None)


def test_it_is_over_when_all_audio_is_judged() -> None:
    ear, again = replay(2 * WINDOW + 100)
    judge(ear, 1)
    assert not again.over
    judge(ear, 1)
    assert again.over


def test_what_the_caller_does_now_comes_last() -> None:
    ear, again = replay(2 * WINDOW, (2 * WINDOW, Typed("before")))
    again.put(Typed("now"))
    assert (again.waiting, again.next()) == (2, None)
    judge(ear, 2)
    assert (again.next(), again.over, again.next(), again.over) == (Typed("before"), False, Typed("now"), True)


def test_no_more_wait_than_a_few() -> None:
    _, again = replay(2 * WINDOW)
    for number in range(_MOST_WAITING + 1):
        again.put(Typed(str(number)))
    assert (again.next(), again.next()) == (Typed("0"), None)
