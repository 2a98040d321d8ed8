from typing import Any

import pytest

from bench.hearing import Fault, Hearing, Question

SIZE = 96_000
"""Two seconds."""


def replay(*events: tuple[float, Any]) -> Hearing:
    """Numbers are sounds, in milliseconds."""
    hearing = Hearing()
    for now, event in events:
        match event:
            case "asks":
                hearing.asks(now)
            case "asked":
                hearing.asked(now)
            case int():
                hearing.sound(event * 48, now)
            case _:
                hearing.message(event, now)
    return hearing


def told(kind: str, turn: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "turn": turn, **more}


ASKED = ((0.0, "asks"), (1.0, "asked"))
BEGAN = (*ASKED, (1.5, told("audio_started", 1)))
HALF = (*BEGAN, (1.5, 1000))
WHOLE = (*HALF, (2.0, 1000), (2.0, told("audio_done", 1, ms=2000)))


def only(*events: tuple[float, Any]) -> Question:
    (question,) = replay(*events).questions
    return question


def test_a_whole_reply_has_no_fault() -> None:
    question = only(*WHOLE)
    assert question.faults(SIZE) == frozenset()
    assert (question.wait_s, question.over_at) == (0.5, 3.5)


@pytest.mark.parametrize(
    ("events", "faults"),
    [
        (ASKED, {Fault.LOST}),
        (BEGAN, {Fault.LOST}),
        (HALF, {Fault.WRONG_LENGTH}),
        ((*HALF, (2.0, 1000)), {Fault.WRONG_LENGTH}),
        ((*HALF, (2.0, told("audio_done", 1, ms=1000))), {Fault.WRONG_LENGTH}),
        ((*WHOLE, (2.1, 1)), {Fault.DOUBLED, Fault.WRONG_LENGTH}),
        ((*WHOLE, (2.1, told("audio_started", 1))), {Fault.DOUBLED}),
        (
            (*WHOLE, (3.0, told("audio_started", 2)), (3.0, 2000), (3.0, told("audio_done", 2, ms=2000))),
            {Fault.DOUBLED},
        ),
        ((*ASKED, (1.5, 2000)), {Fault.LOST}),
        (
            (*ASKED, (1.5, told("audio_done", 1, ms=2000)), (1.5, told("audio_started", 1)), (1.5, 2000)),
            {Fault.OUT_OF_ORDER},
        ),
    ],
)
def test_faults(events: tuple[tuple[float, Any], ...], faults: set[Fault]) -> None:
    assert only(*events).faults(SIZE) == frozenset(faults)


def test_what_is_sent_again_after_resumed_counts_once() -> None:
    again = ((2.6, told("resumed", 1, at_ms=600)), (2.6, 1400), (2.6, told("audio_done", 1, ms=2000)))
    assert only(*HALF, *again).faults(SIZE) == frozenset()
    assert only(*WHOLE, *again).faults(SIZE) == frozenset()


def test_a_reply_may_go_on_that_was_never_seen_to_begin() -> None:
    resumed = ((3.0, told("resumed", 1, at_ms=0)), (3.0, 2000), (3.0, told("audio_done", 1, ms=2000)))
    question = only(*ASKED, *resumed)
    assert (question.faults(SIZE), question.wait_s) == (frozenset(), 2.0)


def test_audio_that_was_skipped_makes_the_wrong_length() -> None:
    skipped = ((2.6, told("resumed", 1, at_ms=1200)), (2.6, 800), (2.6, told("audio_done", 1, ms=2000)))
    assert only(*HALF, *skipped).faults(SIZE) == {Fault.WRONG_LENGTH}


def test_a_place_is_as_exact_as_a_millisecond() -> None:
    late = ((2.6, told("resumed", 1, at_ms=1001)), (2.6, 1000), (2.6, told("audio_done", 1, ms=2000)))
    assert only(*HALF, *late).faults(SIZE) == frozenset()


def test_silence_within_a_reply_is_waited_for_too() -> None:
    # A second of it was there at 1.5, so the caller has played it by 2.5.
    question = only(*HALF, (3.0, 1000), (3.0, told("audio_done", 1, ms=2000)))
    assert (question.wait_s, question.over_at) == (1.0, 4.0)


def test_what_was_thrown_away_is_waited_for() -> None:
    question = only(*HALF, (2.0, told("held", 1, heard_ms=500)), (2.25, told("resumed", 1, at_ms=500)), (2.25, 1500))
    assert question.wait_s == 0.75


def test_a_turn_belongs_to_the_question_after_which_it_was_first_heard_of() -> None:
    next_one = ((10.0, "asks"), (11.0, "asked"))
    late = ((11.2, told("audio_started", 1)), (11.2, 2000), (11.2, told("audio_done", 1, ms=2000)))
    first, second = replay(*ASKED, (1.2, told("transcript", 1)), *next_one, *late).questions
    assert (first.faults(SIZE), second.faults(SIZE)) == (frozenset(), {Fault.LOST})


def test_an_earlier_turn_after_a_later_one_is_out_of_order() -> None:
    later = ((1.2, told("transcript", 1)), (1.5, told("audio_started", 2)), (1.5, 10), (1.6, told("audio_started", 1)))
    assert Fault.OUT_OF_ORDER in only(*ASKED, *later).faults(SIZE)


def test_a_number_that_is_used_again_belongs_to_the_newer_question() -> None:
    again = ((11.5, told("audio_started", 1)), (11.5, 2000), (11.5, told("audio_done", 1, ms=2000)))
    first, second = replay(*WHOLE, (10.0, "asks"), (11.0, "asked"), *again).questions
    assert (first.faults(SIZE), second.faults(SIZE)) == (frozenset(), {Fault.OUT_OF_ORDER})


def test_turns_of_another_conversation_are_counted_from_the_beginning() -> None:
    hearing = replay(*WHOLE)
    hearing.begin_anew()
    hearing.asks(6.0)
    hearing.asked(7.0)
    for event in (told("audio_started", 1), 2000, told("audio_done", 1, ms=2000)):
        if isinstance(event, int):
            hearing.sound(event * 48, 7.5)
        else:
            hearing.message(event, 7.5)
    assert [question.faults(SIZE) for question in hearing.questions] == [frozenset(), frozenset()]


def test_what_comes_unasked_is_counted() -> None:
    hearing = replay((0.0, 20), (0.0, told("audio_started", 1)))
    assert (hearing.strays, hearing.questions) == (2, [])


def test_errors_are_kept_by_code() -> None:
    assert only(*ASKED, (1.4, {"type": "error", "code": "provider_failed"})).errors == ["provider_failed"]
