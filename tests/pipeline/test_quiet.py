import pytest

from pipeline.config import Quiet as Rules
from pipeline.quiet import Ask, Keys, Quiet
from pipeline.states import State


def quiet(idle_ms: int = 5_000, prompts: int = 1, longest_s: float = 100.0) -> Quiet:
    made = Quiet(Rules(idle_ms=idle_ms, prompts=prompts), longest_s)
    made.begin(0.0)
    return made


def test_after_so_much_silence_somebody_is_asked_for() -> None:
    made = quiet()
    assert made.due(State.LISTENING) == 5.0
    assert made.ask(State.LISTENING, 4.9) is None
    assert made.ask(State.LISTENING, 5.0) is Ask.THERE


@pytest.mark.parametrize("state", [state for state in State if state is not State.LISTENING])
def test_nobody_is_idle_while_something_goes_on(state: State) -> None:
    made = quiet()
    assert (made.due(state), made.ask(state, 50.0)) == (100.0, None)


def test_silence_is_counted_from_the_last_rest() -> None:
    made = quiet()
    made.rest(20.0)
    assert made.due(State.LISTENING) == 25.0


def test_after_so_many_questions_comes_a_goodbye_and_then_the_end() -> None:
    made = quiet(prompts=2)
    asked: list[Ask | None] = []
    for now in (5.0, 10.0, 15.0, 20.0, 29.9, 30.0):
        asked.append(made.ask(State.LISTENING, now))
        made.rest(now)
    assert asked == [Ask.THERE, Ask.THERE, Ask.GOODBYE, None, None, Ask.END]
    assert made.due(State.SPEAKING) == 30.0


def test_who_answers_is_asked_as_often_again() -> None:
    made = quiet()
    assert made.ask(State.LISTENING, 5.0) is Ask.THERE
    made.heard(6.0)
    assert (made.ask(State.LISTENING, 10.9), made.ask(State.LISTENING, 11.0)) == (None, Ask.THERE)


def test_who_answers_the_goodbye_is_still_there() -> None:
    made = quiet(prompts=0)
    assert made.ask(State.LISTENING, 5.0) is Ask.GOODBYE
    made.heard(6.0)
    assert made.due(State.HEARING) == 100.0


def test_a_conversation_that_is_too_long_ends_whatever_is_said() -> None:
    made = quiet(idle_ms=0, longest_s=10.0)
    assert made.due(State.LISTENING) == 10.0
    assert made.ask(State.SPEAKING, 10.0) is Ask.GOODBYE
    made.heard(11.0)
    assert (made.ask(State.HEARING, 24.9), made.ask(State.HEARING, 25.0)) == (None, Ask.END)


def test_keys_count_when_none_follows() -> None:
    keys = Keys(Rules(key_pause_ms=1_500))
    assert (keys.press("1", 0.0), keys.press("2", 1.0)) == ("", "")
    assert (keys.due(), keys.ripe(2.4), keys.ripe(2.5), keys.due()) == (2.5, "", "12", None)


def test_a_hash_makes_keys_count_at_once() -> None:
    keys = Keys(Rules())
    keys.press("4", 0.0)
    assert (keys.press("#", 0.1), keys.due(), keys.press("#", 0.2)) == ("4", None, "")


def test_what_was_said_elsewhere_is_heard_again_before_time_is_up() -> None:
    made = quiet(longest_s=10.0)
    made.rest(50.0)
    made.restore(0, leaving=False, now=50.0)
    assert (made.ask(State.LISTENING, 50.9), made.ask(State.LISTENING, 51.0)) == (None, Ask.GOODBYE)
