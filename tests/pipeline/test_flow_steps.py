import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flow import FlowAnswer, FlowCall, Offer, load_flow

CLINIC = load_flow(Path(__file__).parents[2] / "configs" / "flows", "clinic")
DAY = "On which day?"
TIME = "In the morning, at noon, or in the afternoon?"
NAME = "What is your name, please?"
PARDON = "Sorry, I did not catch that."
OFFER = "I still did not understand. Shall I put you through to my colleague?"
PRICE = "A visit costs sixty euros, and we bill most insurance companies directly."
HANDED_OVER = "One moment, I am putting you through to my colleague."
WHAT = "What can I do for you?"
BYE = "Thank you for calling. Goodbye."


def talk(*turns: str, language: str = "en") -> list[FlowAnswer]:
    state: dict[str, Any] = {}
    answers: list[FlowAnswer] = []
    for turn in turns:
        answers.append(CLINIC.step(turn, language, state, 0.5))
        state = json.loads(json.dumps(answers[-1].state))
    return answers


def texts(*turns: str, language: str = "en") -> list[str]:
    return [answer.text for answer in talk(*turns, language=language)]


def confirmation(day: str, time: str, name: str) -> str:
    return f"An appointment on {day} {time} for {name}. Is that right?"


def test_slots_are_asked_for_one_by_one_and_confirmed() -> None:
    assert texts("I'd like to book an appointment", "tuesday please", "in the morning", "Ada Lovelace", "yes") == [
        DAY,
        TIME,
        NAME,
        confirmation("Tuesday", "in the morning", "Ada Lovelace"),
        "Your appointment is booked. We look forward to seeing you on Tuesday.",
    ]


def test_what_was_given_already_is_not_asked_for() -> None:
    turn = "My name is Ada Lovelace and I would like an appointment on Friday afternoon"
    assert texts(turn) == [confirmation("Friday", "in the afternoon", "Ada Lovelace")]
    assert texts("Quisiera una cita para el lunes por la mañana, me llamo José Núñez", "sí", language="es") == [
        "Una cita el lunes por la mañana a nombre de José Núñez. ¿Es correcto?",
        "Su cita está reservada. Le esperamos el lunes.",
    ]


def test_callers_correct_themselves() -> None:
    booked = ["I need an appointment on Monday at noon", "this is Ada"]
    assert texts(*booked, "no, on Tuesday")[-1] == confirmation("Tuesday", "at noon", "Ada")
    assert texts(*booked, "no")[-1] == DAY
    assert texts("I need an appointment on Monday", "on Wednesday")[-1] == TIME
    assert talk("I need an appointment on Monday, no, Wednesday")[-1].state["slots"] == {"day": "wednesday"}


def test_an_aside_is_answered_and_the_question_comes_again() -> None:
    first, aside, after = talk("I need an appointment on Monday", "how much is a visit", "at noon")
    assert [first.text, aside.text, after.text] == [TIME, f"{PRICE} {TIME}", NAME]
    assert aside.intent == "prices"
    assert texts("I need an appointment", "What are your opening hours on Saturday?") == [
        DAY,
        f"On Saturday we are open from nine until one. {DAY}",
    ]


def test_another_question_with_an_open_slot_takes_over() -> None:
    answers = talk("I need an appointment", "Actually, I need to cancel my appointment", "my name is Ada")
    assert answers[-1].text == "Thank you, Ada. Your appointment is cancelled."


def test_a_case_is_answered_as_soon_as_it_fits() -> None:
    assert texts("I would like an appointment on Sunday", "then on Monday") == [
        "I am sorry, we are closed on Sunday. Please choose another day.",
        TIME,
    ]


def test_a_value_alone_asks_the_last_question_again() -> None:
    assert texts("When do you open on Saturday?", "And on Sunday?", "Monday?") == [
        "On Saturday we are open from nine until one.",
        "On Sunday we are closed.",
        "On Monday we are open from eight until six.",
    ]


def test_two_misses_in_a_row_offer_somebody_else() -> None:
    assert texts("qwerty", "asdf ghjkl", "yes") == [PARDON, OFFER, HANDED_OVER]
    assert texts("qwerty", "asdf ghjkl", "no") == [PARDON, OFFER, WHAT]
    assert texts("qwerty", "asdf ghjkl", "how much is a visit") == [PARDON, OFFER, PRICE]
    assert texts("qwerty", "how much is a visit", "asdf ghjkl") == [PARDON, PRICE, PARDON]
    assert texts("I need an appointment", "", "", "no", "monday") == [DAY, f"{PARDON} {DAY}", OFFER, DAY, TIME]


def test_a_hand_over_names_its_target_and_ends_the_call() -> None:
    (answer,) = talk("Can I talk to somebody at reception?")
    assert (answer.text, answer.ends_call, answer.state["hand_over"]) == (HANDED_OVER, True, "reception")


@pytest.mark.parametrize("turn", ["goodbye", "thank you and goodbye", "bye bye"])
def test_a_goodbye_ends_the_call_wherever_it_comes(turn: str) -> None:
    assert [talk(*before, turn)[-1].ends_call for before in ([], ["I need an appointment"], ["a b c", "d e f"])] == [True] * 3


def test_what_callers_may_always_say() -> None:
    assert texts("hello", "I need an appointment", "can you repeat that", "never mind") == [WHAT, DAY, DAY, WHAT]
    assert texts("how much is a visit", "can you repeat that", "yes", "no thank you") == [PRICE, PRICE, WHAT, BYE]
    assert [answer.ends_call for answer in talk("how much is a visit", "no")] == [False, True]
    assert [answer.ends_call for answer in talk("no")] == [False]
    assert texts("can you repeat that") == [CLINIC.greeting("en")]


def test_a_language_may_change_in_between() -> None:
    english = CLINIC.step("I need an appointment on Monday", "en", {}, 0.5)
    spanish = CLINIC.step("por la tarde, me llamo Ana Ruiz", "es", english.state, 0.5)
    assert spanish.text == "Una cita el lunes por la tarde a nombre de Ana Ruiz. ¿Es correcto?"


def test_a_stricter_bar_accepts_less() -> None:
    assert [CLINIC.step("how much is the fish", "en", {}, accept).intent for accept in (0.4, 0.9)] == ["prices", None]


@pytest.mark.parametrize(
    "state",
    [
        {"asks": "slot"},
        {"intent": "gone", "slots": {"day": "monday"}, "asks": "slot", "misses": 0},
        {"intent": "book_appointment", "slots": {"day": "someday", "x": "y", "name": 7}, "asks": "slot"},
        {"intent": ["prices"], "slots": "none", "asks": "confirmation", "misses": "many"},
        {"asks": ["slot"], "other": {}},
    ],
)
def test_a_strange_state_counts_as_far_as_it_makes_sense(state: dict[str, Any]) -> None:
    assert CLINIC.step("how much does a visit cost", "en", state, 0.5).text.startswith(PRICE)
    assert CLINIC.expected("en", state)


@given(
    st.lists(
        st.sampled_from(CLINIC.expected("en", {})) | st.text(max_size=30) | st.sampled_from(["Ada", "monday", "noon"]),
        max_size=12,
    )
)
def test_any_conversation_goes_on_with_words_and_a_small_state(turns: list[str]) -> None:
    for answer in talk(*turns):
        assert answer.text
        assert "{" not in answer.text
        assert len(json.dumps(answer.state)) < 400
        assert CLINIC.expected("en", answer.state)


BOTH = Offer(frozenset({"opening_hours", "book_appointment"}), "call_1")
FORM = ("I need an appointment on Monday at noon", "this is Ada")
BOOKING = FlowCall(
    "book_appointment",
    {"day": "monday", "time": "noon", "name": "Ada"},
    "book_appointment",
    '{"day": "monday", "time": "noon", "name": "Ada"}',
)


def offered(*turns: str, state: dict[str, Any] | None = None, offer: Offer = BOTH) -> FlowAnswer:
    """The answer to the last turn when the client has functions to offer."""
    answer = FlowAnswer("", state or {}, False, None)
    for turn in turns:
        answer = CLINIC.step(turn, "en", json.loads(json.dumps(answer.state)), 0.5, offer)
    return answer


def result(output: str, state: dict[str, Any], language: str = "en") -> FlowAnswer:
    answer = CLINIC.result("call_1", output, language, json.loads(json.dumps(state)))
    assert answer is not None
    return answer


def test_a_function_is_called_once_all_is_known_and_confirmed() -> None:
    assert [offered(*FORM).text, offered(*FORM).call] == [confirmation("Monday", "at noon", "Ada"), None]
    called = offered(*FORM, "yes")
    assert (called.text, called.ends_call, called.intent, called.call) == ("", False, "book_appointment", BOOKING)


def test_the_result_is_the_answer() -> None:
    booked = result('{"when": "Monday at twelve"}', offered(*FORM, "yes").state)
    assert booked.text == "You are booked for Monday at twelve. We look forward to seeing you."
    assert (booked.ends_call, booked.intent, booked.call) == (False, "book_appointment", None)
    spanish = result('{"when": "el lunes a las doce"}', offered(*FORM, "yes").state, language="es")
    assert spanish.text == "Su cita queda reservada para el lunes a las doce. Le esperamos."


@pytest.mark.parametrize("output", ['{"error": "full"}', '{"when": {"day": 1}}', '{"id": 7}', "", "Booked."])
def test_a_result_of_no_use_is_said_to_have_failed(output: str) -> None:
    failed = result(output, offered(*FORM, "yes").state)
    assert failed.text == "I am sorry, I could not book that. Please choose another day or time."
    assert offered("on Tuesday", state=failed.state).text == confirmation("Tuesday", "at noon", "Ada")


def test_without_words_for_that_the_files_own_answer_is_given() -> None:
    states = [offered(f"Are you open on {day}?").state for day in ("Monday", "Sunday")]
    assert [result('{"error": "down"}', state).text for state in states] == [
        "On Monday we are open from eight until six.",
        "On Sunday we are closed.",
    ]


def test_a_case_is_a_functions_to_answer_only_if_the_file_says_so() -> None:
    asked = offered("What are your opening hours on Saturday?")
    assert asked.call == FlowCall("opening_hours", {"day": "saturday"}, "opening_hours", '{"day": "saturday"}')
    assert result('{"hours": "ten until two"}', asked.state).text == "On Saturday our hours are: ten until two."
    refused = offered("My name is Ada and I would like an appointment on Sunday at noon")
    assert (refused.text, refused.call) == ("I am sorry, we are closed on Sunday. Please choose another day.", None)


def test_what_is_not_on_offer_is_not_called() -> None:
    other = Offer(frozenset({"opening_hours"}), "call_1")
    assert offered(*FORM, "yes", offer=other) == talk(*FORM, "yes")[-1]


def test_an_aside_may_call_a_function_and_the_question_comes_again() -> None:
    aside = offered("I need an appointment on Monday", "What are your opening hours on Saturday?")
    assert (aside.text, aside.call and aside.call.function) == ("", "opening_hours")
    answered = result('{"hours": "ten until two"}', aside.state)
    assert answered.text == f"On Saturday our hours are: ten until two. {TIME}"
    assert offered("at noon", state=answered.state).text == NAME
    assert offered("at noon", state=aside.state).text == NAME


def test_another_message_goes_before_a_result() -> None:
    called = offered(*FORM, "yes")
    instead = offered("how much is a visit", state=called.state)
    assert instead.text == PRICE
    assert CLINIC.result("call_1", '{"when": "now"}', "en", instead.state) is None


def test_a_result_of_another_call_is_not_awaited() -> None:
    state = offered(*FORM, "yes").state
    assert CLINIC.result("call_0", '{"when": "now"}', "en", state) is None
    assert CLINIC.result("call_1", '{"when": "now"}', "en", {}) is None


def test_nothing_is_called_again_because_it_is_to_be_said_again() -> None:
    called = offered(*FORM, "yes")
    booked = result('{"when": "noon"}', called.state)
    failed = result('{"error": 1}', called.state)
    hours = result('{"error": 1}', offered("Are you open on Monday?").state)
    for answer, words in ((called, WHAT), (booked, booked.text), (failed, failed.text), (hours, hours.text)):
        again = offered("can you repeat that", state=answer.state)
        assert (again.text, again.call) == (words, None)
        assert offered("can you repeat that", state=again.state).call is None
    assert offered("qwerty", "can you repeat that", state=booked.state).text == booked.text


def test_a_value_alone_calls_the_function_again() -> None:
    asked = offered("Are you open on Monday?")
    answered = result('{"hours": "nine until one"}', asked.state)
    assert offered("and on Sunday?", state=answered.state).call == FlowCall(
        "opening_hours", {"day": "sunday"}, "opening_hours", '{"day": "sunday"}'
    )


def test_who_says_nothing_is_asked_again_and_nothing_changes() -> None:
    greeting = CLINIC.greeting("en")
    assert [CLINIC.unprompted("en", {}, first).text for first in (True, False)] == [greeting, PARDON]
    for turns, words in (
        (("how much is a visit",), PARDON),
        (FORM[:1], f"{PARDON} {NAME}"),
        (FORM, f"{PARDON} {confirmation('Monday', 'at noon', 'Ada')}"),
        (("qwerty", "asdf ghjkl"), OFFER),
        ((*FORM, "yes"), PARDON),
    ):
        state = offered(*turns).state
        asked = CLINIC.unprompted("en", state, first=False)
        assert (asked.text, asked.state, asked.ends_call) == (words, state, False)


def test_a_call_that_ends_or_hands_over_does_so_after_the_result(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(
        """
name: Desk
description: A desk.
languages: [en]
lines: {en: {goodbye: Bye., reprompt: Sorry., fallback: Pardon., what_else: All right.}}
intents:
  person:
    examples: {en: ['Put me through to a person']}
    hand_over: {text: {en: One moment.}, target: desk}
    ends_call: true
    call: {function: find, answer: {en: '{result} is there.'}, failed: {en: Nobody is there.}}
""",
        encoding="utf-8",
    )
    desk = load_flow(tmp_path, "desk")
    called = desk.step("put me through to a person", "en", {}, 0.5, Offer(frozenset({"find"}), "call_1"))
    assert (called.ends_call, "hand_over" in called.state) == (False, False)
    outcomes = [desk.result("call_1", output, "en", called.state) for output in ("Ada", "")]
    assert [(end.text, end.ends_call, end.state.get("hand_over")) for end in outcomes if end] == [
        ("Ada is there. One moment.", True, "desk"),
        ("Nobody is there.", False, None),
    ]


@given(
    st.lists(
        st.sampled_from(CLINIC.expected("en", {})) | st.text(max_size=30) | st.sampled_from(["Ada", "monday", "noon", "yes"]),
        max_size=12,
    )
)
def test_any_conversation_goes_on_with_words_or_a_call(turns: list[str]) -> None:
    state: dict[str, Any] = {}
    for turn in turns:
        answer = CLINIC.step(turn, "en", state, 0.5, BOTH)
        assert bool(answer.text) != bool(answer.call)
        if answer.call:
            answer = result('{"when": "now", "hours": "none"}', answer.state)
            assert answer.text
        state = answer.state
