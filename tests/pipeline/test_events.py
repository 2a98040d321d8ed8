from typing import get_args

import pytest

from pipeline import events as on
from pipeline.errors import Fault
from pipeline.history import Item
from pipeline.manner import Manner
from pipeline.ports import CallDelta, Finish, FlowStep, Message, Transcript, Usage, Wish, Word
from pipeline.work import Work
from tests.pipeline.crossing import crosses, names

WORK = Work(3, 7)
EVENTS: list[on.Event] = [
    on.Opened(),
    on.SpeechBegan(16_000),
    on.SpeechGrew(21_120, 320),
    on.SpeechPaused(28_000),
    on.SpeechResumed(260),
    on.SpeechEnded(32_000, 2.5),
    on.PieceDue(48_000, on.SpeechPaused(46_000, 2.5)),
    on.AudioDropped(20),
    on.Typed("hello"),
    on.KeyPressed("#"),
    on.StopAsked(),
    on.Played(1_500),
    on.Adjusted(Manner("en", wish=Wish("Be brief."), keeps_items=True)),
    on.Committed("ref_1", 32_000),
    on.Cleared(32_000),
    on.ItemGiven(Item("item_1", Message("user", "hello")), None, "ref_2"),
    on.ItemUnwanted("item_1", "ref_3"),
    on.ItemAsked("item_1", "ref_4"),
    on.ItemCut("item_2", 700, "ref_5"),
    on.ReplyAsked("ref_6", Wish(spoken=False), True, ("item_1", Message("user", "hello"))),
    on.ReplyUnwanted("ref_7", 3),
    on.WentAway(),
    on.CameBack(),
    on.HungUp(),
    on.Transcribed(WORK, Transcript("hello", "en", 0.9, (Word("hello", 0.0, 0.4),)), 0.08, ("asked another",)),
    on.ReplyGrew(WORK, "Good morning.", 0.2),
    on.CallGrew(WORK, CallDelta("call_1", "book", '{"day": "Mon'), 0.2),
    on.ReplyEnded(WORK, FlowStep({"asks": "nothing"}, ends_call=True), Finish(Usage(12, 5), "max_output_tokens")),
    on.SpeechMade(WORK, 0, b"\1\0", (Word("Good", 0.0, 0.2),), 0.05),
    on.PhraseEnded(WORK, 0),
    on.StageFailed(WORK, "provider_timeout", "it did not answer in time", Fault.PROVIDER),
    on.TimePassed(),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_and_crosses_actors(event: on.Event) -> None:
    crosses(event)


def test_there_is_an_example_of_each() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(on.Event))


def test_results_of_stages_name_their_work_first() -> None:
    assert {names(kind)[0] for kind in get_args(on.FromStage)} == {"work"}
