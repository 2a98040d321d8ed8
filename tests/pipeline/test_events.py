from typing import get_args

import pytest

from pipeline import events as on
from pipeline.errors import Fault
from pipeline.ports import FlowStep, Transcript, Word
from tests.pipeline.crossing import crosses, names

EVENTS: list[on.Event] = [
    on.Opened(),
    on.SpeechBegan(16_000),
    on.SpeechEnded(32_000, 2.5),
    on.PieceDue(48_000),
    on.AudioDropped(20),
    on.Typed("hello"),
    on.StopAsked(),
    on.Played(1_500),
    on.HungUp(),
    on.Transcribed(3, 0, Transcript("hello", "en", 0.9, (Word("hello", 0.0, 0.4),)), 0.08),
    on.ReplyGrew(3, "Good morning.", 0.2),
    on.ReplyEnded(3, FlowStep({"asks": "nothing"}, ends_call=True)),
    on.SpeechMade(3, 0, b"\1\0", (Word("Good", 0.0, 0.2),), 0.05),
    on.PhraseEnded(3, 0),
    on.StageFailed(3, "provider_timeout", "it did not answer in time", Fault.PROVIDER),
    on.TimePassed(),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_and_crosses_actors(event: on.Event) -> None:
    crosses(event)


def test_there_is_an_example_of_each() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(on.Event))


def test_results_of_stages_carry_the_number_of_their_turn_first() -> None:
    assert {names(kind)[0] for kind in get_args(on.FromStage)} == {"turn"}
