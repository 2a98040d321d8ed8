"""Conversations of clients that keep items, event by event."""

import pytest

from pipeline import events as on
from pipeline.commands import Think, Transcribe
from pipeline.history import Item
from pipeline.notices import (
    BufferCleared,
    CallerBegan,
    CallerStopped,
    Failed,
    Heard,
    Interrupted,
    Refused,
    ReplyBegan,
    ReplyEnded,
    Said,
    TurnTaken,
)
from pipeline.ports import Word
from pipeline.states import State
from tests.pipeline.asking import DETECTING, MANUAL, PATIENT, UNANSWERED, asks, commits, item, speaking, told
from tests.pipeline.talk import Talk, assistant, user

# Turns that are detected


def test_a_spoken_turn_and_its_reply() -> None:
    talk = Talk(manner=DETECTING)
    talk.speaks()
    assert told(talk) == [
        CallerBegan(0, "item_0001"),
        CallerStopped(1_000, "item_0001"),
        TurnTaken("item_0001", 1_000),
    ]
    talk.transcribed("Are you open?")
    assert told(talk) == [
        Heard(1, "Are you open?", True, "en", 0.9, "item_0001"),
        ReplyBegan(1, "item_0002"),
    ]
    talk.reply("We are.")
    talk.spoken(700)
    assert told(talk, Said, ReplyEnded)[-1] == ReplyEnded(1, "completed")
    assert talk.played_ms() == 700
    talk.listen()
    assert item(talk, "item_0001") == Item("item_0001", user("Are you open?"), spoken=True)
    assert item(talk, "item_0002") == Item("item_0002", assistant("We are."), spoken=True)


def test_a_reply_is_sent_as_fast_as_it_is_made_and_over_when_all_was_sent() -> None:
    talk = Talk(manner=DETECTING)
    talk.says("Are you open?")
    talk.reply("We are.")
    talk.spoken(6_000)
    assert (talk.played_ms(), talk.all(ReplyEnded), talk.state) == (6_000, [ReplyEnded(1, "completed")], State.SPEAKING)


def test_speech_over_a_reply_ends_it_and_the_history_holds_what_was_heard() -> None:
    talk = Talk(manner=DETECTING)
    talk.says("Are you open?")
    talk.grows("We are open today.")
    talk.audio(1_000, [Word(text, index / 4, (index + 1) / 4) for index, text in enumerate(["We", "are", "open", "today."])])
    talk.wait(500)
    talk.take()
    talk.speech_began()
    assert told(talk) == [
        Interrupted(1, 500, "We are"),
        ReplyEnded(1, "cancelled", "turn_detected"),
        CallerBegan(2_000, "item_0003"),
    ]
    talk.wait(1_000)
    talk.speech_ended()
    talk.transcribed("On Sunday?")
    assert talk.prompt() == (user("Are you open?"), assistant("We are [interrupted]"), user("On Sunday?"))


def test_a_reply_that_was_sent_but_not_heard_is_cut_without_a_second_end() -> None:
    talk = Talk(manner=DETECTING)
    talk.says("Are you open?")
    talk.reply("We are open today.")
    talk.spoken(2_000)
    talk.wait(500)
    talk.speech_began()
    assert talk.all(ReplyEnded) == [ReplyEnded(1, "completed")]
    assert not item(talk, "item_0002").complete


def test_a_caller_who_goes_on_before_the_reply_sounds_makes_a_second_turn() -> None:
    talk = Talk(manner=DETECTING)
    talk.says("Are you open")
    talk.grows("We are.")
    talk.take()
    talk.speech_began()
    assert told(talk) == [ReplyEnded(1, "cancelled", "turn_detected"), CallerBegan(1_500, "item_0003")]
    talk.wait(1_000)
    talk.speech_ended()
    talk.transcribed("on Sunday?")
    assert talk.prompt() == (user("Are you open"), user("on Sunday?"))


def test_a_turn_whose_words_are_awaited_keeps_them_when_the_caller_goes_on() -> None:
    talk = Talk(manner=DETECTING)
    talk.speaks()
    first = talk.all(Transcribe)[-1]
    talk.speaks()
    talk.transcribed("on Sunday?")
    assert talk.prompt() == (user("on Sunday?"),)
    talk.transcribed("Are you open", first)
    assert [heard.text for heard in talk.all(Heard)] == ["on Sunday?", "Are you open"]
    assert item(talk, "item_0001").entry == user("Are you open")


def test_speech_without_words_stays_an_item_and_is_not_answered() -> None:
    talk = Talk(manner=DETECTING)
    talk.says("")
    assert (talk.all(Heard)[-1].text, talk.all(Think), talk.state) == ("", [], State.LISTENING)
    assert item(talk, "item_0001").entry == user("")


def test_a_turn_whose_words_cannot_be_had_says_which() -> None:
    talk = Talk(manner=DETECTING)
    talk.speaks()
    talk.fails()
    assert [failed.item for failed in talk.all(Failed)] == ["item_0001"]


def test_a_turn_may_go_unanswered_until_a_reply_is_asked_for() -> None:
    talk = Talk(manner=UNANSWERED)
    talk.says("Are you open?")
    assert (talk.all(Think), talk.state) == ([], State.LISTENING)
    asks(talk)
    assert talk.all(ReplyBegan) == [ReplyBegan(2, "item_0002", "ask")]
    assert talk.prompt() == (user("Are you open?"),)


def test_a_reply_that_is_asked_for_waits_for_words_on_their_way() -> None:
    talk = Talk(manner=UNANSWERED)
    talk.speaks()
    asks(talk)
    assert (talk.all(ReplyBegan), talk.all(Think)) == ([ReplyBegan(2, "item_0002", "ask")], [])
    talk.transcribed("Are you open?")
    assert talk.prompt() == (user("Are you open?"),)


def test_a_reply_may_be_asked_for_while_the_caller_speaks() -> None:
    talk = Talk(manner=DETECTING)
    talk.speech_began()
    asks(talk)
    talk.reply("Take your time.")
    talk.spoken(500)
    talk.wait(500)
    talk.do(on.SpeechEnded(talk.position, talk.now))
    talk.transcribed("Are you open?")
    assert [taken.item for taken in talk.all(TurnTaken)] == ["item_0001"]
    assert item(talk, "item_0001").entry == user("Are you open?")


def test_speech_that_must_not_interrupt_is_written_down_beside_the_reply() -> None:
    talk = speaking(PATIENT)
    talk.take()
    talk.speaks()
    assert told(talk) == [CallerBegan(1_500, "item_0003"), CallerStopped(2_500, "item_0003"), TurnTaken("item_0003", 1_000)]
    assert talk.all(ReplyEnded) == []
    talk.transcribed("And on Sunday?")
    talk.reply_ends()
    talk.phrase_ends()
    talk.listen()
    asks(talk)
    assert talk.prompt() == (user("Are you open?"), assistant("We are open today."), user("And on Sunday?"))


def test_beside_a_reply_that_ended_meanwhile_the_turn_is_answered() -> None:
    talk = speaking(PATIENT)
    talk.reply_ends()
    talk.speech_began()
    talk.phrase_ends()
    talk.wait(2_000)
    assert talk.state is State.LISTENING
    talk.do(on.SpeechEnded(talk.position, talk.now))
    talk.transcribed("And on Sunday?")
    assert talk.prompt()[-1] == user("And on Sunday?")


# Turns that the client declares


def test_a_declared_turn_is_what_was_said_since_the_last_one() -> None:
    talk = Talk(manner=MANUAL)
    commits(talk, 1_000)
    commits(talk, 500)
    assert [(asked.start, asked.stop - 3_200) for asked in talk.all(Transcribe)] == [(0, 16_000), (16_000, 24_000)]
    assert talk.all(TurnTaken) == [TurnTaken("item_0001", 1_000), TurnTaken("item_0002", 500)]
    assert talk.brain.audio_needed_from == 0
    first, second = talk.all(Transcribe)
    talk.transcribed("open?", second)
    talk.transcribed("Are you", first)
    assert (talk.all(Think), talk.brain.audio_needed_from) == ([], 24_000)
    asks(talk)
    assert talk.prompt() == (user("Are you"), user("open?"))


@pytest.mark.parametrize("ms", [0, 99])
def test_a_turn_must_have_a_length(ms: int) -> None:
    talk = Talk(manner=MANUAL)
    commits(talk, ms)
    assert [(refused.ref, refused.code) for refused in talk.all(Refused)] == [("commit", "input_audio_buffer_commit_empty")]


def test_what_was_cleared_is_in_no_turn() -> None:
    talk = Talk(manner=MANUAL)
    talk.wait(1_000)
    talk.do(on.Cleared(talk.position))
    assert talk.all(BufferCleared) == [BufferCleared()]
    commits(talk, 500)
    assert [(asked.start, asked.stop - 3_200) for asked in talk.all(Transcribe)] == [(16_000, 24_000)]


def test_speech_that_was_cleared_was_none() -> None:
    talk = Talk(manner=DETECTING)
    talk.speech_began()
    talk.wait(300)
    talk.do(on.Cleared(talk.position))
    talk.speech_ended()
    assert (talk.all(Transcribe), talk.all(TurnTaken), talk.state) == ([], [], State.LISTENING)


def test_a_turn_that_is_being_detected_may_be_declared_too() -> None:
    talk = Talk(manner=DETECTING)
    talk.speech_began()
    commits(talk, 800)
    assert (talk.all(TurnTaken), talk.state) == ([TurnTaken("item_0001", 800)], State.LISTENING)
    talk.transcribed("Are you open?")
    talk.speech_ended()
    assert (len(talk.all(TurnTaken)), talk.all(Think)) == (1, [])


def test_detection_may_be_turned_off_in_mid_speech() -> None:
    talk = Talk(manner=DETECTING)
    talk.speech_began()
    talk.do(on.Adjusted(MANUAL))
    commits(talk)
    assert (talk.state, [taken.ms for taken in talk.all(TurnTaken)]) == (State.LISTENING, [1_000])
