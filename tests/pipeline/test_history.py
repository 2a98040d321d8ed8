from pipeline.history import History
from tests.pipeline.talk import assistant, user


def test_both_sides_are_remembered_in_order() -> None:
    history = History(10)
    history.caller_said("Are you open?")
    history.we_said("Yes.")
    history.caller_said("Until when?")
    assert history.messages() == (user("Are you open?"), assistant("Yes."), user("Until when?"))


def test_what_nobody_heard_is_not_remembered() -> None:
    history = History(10)
    history.we_said("")
    assert history.messages() == ()


def test_the_callers_last_words_can_be_taken_back() -> None:
    history = History(10)
    assert history.take_back() == ""
    history.caller_said("Are you")
    assert (history.take_back(), history.messages()) == ("Are you", ())
    history.we_said("Good morning.")
    assert (history.take_back(), history.messages()) == ("", (assistant("Good morning."),))


def test_the_oldest_is_forgotten() -> None:
    history = History(3)
    for number in range(5):
        history.caller_said(str(number))
    kept = history.messages()
    assert kept == (user("2"), user("3"), user("4"))
    history.we_said("five")
    assert kept == (user("2"), user("3"), user("4"))  # a prompt that was made keeps its messages


def test_what_was_cut_off_says_so() -> None:
    history = History(10)
    history.we_said("We are", cut=True)
    history.we_said("", cut=True)
    assert history.messages() == (assistant("We are [interrupted]"),)
