"""What our side does by itself; whole conversations are in test_conversation and test_requests."""

from dataclasses import replace

import pytest

from pipeline.answering import Answering
from pipeline.commands import Abandon, HangUp, Tell, Think
from pipeline.floor import Floor
from pipeline.flow import Flow, load_flow
from pipeline.history import Item
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.notices import Said
from pipeline.ports import Prompt, Wish
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.talk import RATE, assistant, user

CONFIG = load_config(None, (), {})
FLOW = load_flow(CONFIG.flows_dir, "clinic")
SAID = (user("hello"), assistant("Good morning."))


@pytest.fixture
def floor() -> Floor:
    made = Floor(CONFIG, Manner("en", RATE), "")
    made.history.tell(Item("u1", SAID[0]))
    made.history.tell(Item("a1", SAID[1]))
    return made


@pytest.fixture
def answering(floor: Floor) -> Answering:
    return Answering(floor, "clinic", FLOW)


def test_a_prompt_is_what_was_said_and_then_the_words_that_may_not_be_all(floor: Floor, answering: Answering) -> None:
    answering.prepare(1, "are you open")
    prompt = Prompt((*SAID, user("are you open")), "en", "clinic")
    assert (floor.out, floor.history.entries()) == ([Think(Work(1, 1), prompt, 0.42)], SAID)


def test_a_reply_that_is_asked_for_is_thought_of_once_all_words_are_known(floor: Floor, answering: Answering) -> None:
    answering.begin(1, Wish())
    answering.carry_on(words_awaited=True)
    assert (floor.state, floor.out) == (State.THINKING, [])
    floor.history.tell(Item("u2", user("are you open")))
    answering.carry_on(words_awaited=False)
    assert floor.out == [Think(Work(1, 1), Prompt((*SAID, user("are you open")), "en", "clinic"), 0.42)]


def test_entries_that_are_given_stand_in_place_of_the_conversation(floor: Floor, answering: Answering) -> None:
    answering.begin(1, Wish(), entries=(user("count to three"),))
    answering.carry_on(words_awaited=False)
    assert floor.out == [Think(Work(1, 1), Prompt((user("count to three"),), "en", "clinic"), 0.42)]


def test_what_the_flow_foresees_is_expected_unless_the_manner_says_otherwise(floor: Floor, answering: Answering) -> None:
    assert answering.expected == FLOW.expected("en", {}) != ()
    floor.manner = replace(floor.manner, foreseen=False)
    assert answering.expected == ()


def test_a_turn_that_is_taken_back_gives_its_words_and_leaves_nothing(floor: Floor, answering: Answering) -> None:
    floor.history.tell(Item("u2", user("are you")))
    answering.answer(1, "u2", "are you")
    assert answering.take_back() == "are you"
    assert floor.out[-1] == Abandon(Work(1, 1))
    assert (floor.history.entries(), answering.mouth.turn) == (SAID, None)


def test_goodbye_is_said_before_the_caller_is_let_go(floor: Floor, answering: Answering) -> None:
    answering.say_goodbye()
    assert (floor.state, floor.out) == (State.THINKING, [Tell(Said(0, FLOW.goodbye("en"), final=True))])
    assert answering.mouth.ends_call is True


def test_without_a_goodbye_the_caller_is_let_go_at_once(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flow, "goodbye", lambda *_: "")
    Answering(floor, "clinic", FLOW).say_goodbye()
    assert (floor.state, floor.out) == (State.ENDED, [HangUp()])
