"""Replies that clients ask for, the functions they call, and what lies outside of the conversation."""

from dataclasses import replace

import pytest

from pipeline import events as on
from pipeline.commands import Abandon, Play, Speak, Think, Transcribe
from pipeline.history import Item
from pipeline.notices import (
    AsideSpoken,
    CallGrew,
    Failed,
    Heard,
    Interrupted,
    ItemGone,
    ItemShortened,
    ItemShown,
    ItemTaken,
    NobodySpoke,
    Refused,
    ReplyBegan,
    ReplyEnded,
    Said,
    TurnTaken,
)
from pipeline.ports import CallDelta, Finish, Message, Tool, ToolCall, ToolResult, Usage, Wish
from pipeline.states import State
from tests.pipeline.asking import DETECTING, MANUAL, WRITTEN, asks, item, speaking, told
from tests.pipeline.talk import Talk, assistant, sound, user


def test_a_written_reply_is_told_and_not_spoken() -> None:
    talk = Talk(manner=WRITTEN)
    talk.do(on.ItemGiven(Item("mine", user("Are you open?")), None, "give"))
    asks(talk)
    talk.grows("We *are*,\n")
    talk.grows("today.")
    talk.reply_ends()
    assert talk.all(Said)[-1] == Said(1, "We *are*,\ntoday.", final=True)
    assert (talk.all(Speak), talk.all(ReplyEnded)[-1].status, talk.state) == ([], "completed", State.LISTENING)
    assert item(talk, "item_0001") == Item("item_0001", assistant("We *are*,\ntoday."))


def test_one_reply_at_a_time() -> None:
    talk = speaking(MANUAL)
    asks(talk, ref="second")
    assert [(refused.ref, refused.code) for refused in talk.all(Refused)] == [
        ("second", "conversation_already_has_active_response")
    ]


def test_the_next_reply_may_be_asked_for_while_the_last_one_still_sounds() -> None:
    talk = speaking(MANUAL)
    talk.reply_ends()
    talk.phrase_ends()
    asks(talk, ref="second")
    talk.reply("And tomorrow.")
    talk.spoken(1_000)
    assert talk.all(Refused, Interrupted) == []
    assert item(talk, "item_0002") == Item("item_0002", assistant("We are open today."), spoken=True)
    # It is heard after the first one, which takes a second.
    talk.wait(1_900)
    assert talk.state is State.SPEAKING
    talk.wait(200)
    assert talk.state is State.LISTENING


def test_a_reply_has_its_own_wish_and_entries() -> None:
    talk = Talk(manner=MANUAL)
    talk.do(on.ItemGiven(Item("mine", user("Are you open?")), None, "give"))
    wish = Wish("Answer in French.", voice="f1", speed=1.2)
    asks(talk, wish, entries=("mine", Message("system", "Be brief.")))
    assert (talk.prompt(), talk.all(Think)[-1].prompt.wish) == ((user("Are you open?"), Message("system", "Be brief.")), wish)
    talk.grows("Oui.")
    phrase = talk.all(Speak)[-1].phrase
    assert (phrase.voice, phrase.speed) == ("f1", 1.2)


def test_an_entry_that_there_is_not_refuses_the_reply() -> None:
    talk = Talk(manner=MANUAL)
    asks(talk, entries=("nothing",))
    assert [(refused.ref, refused.param) for refused in talk.all(Refused)] == [("ask", "response.input")]
    assert talk.state is State.LISTENING


@pytest.mark.parametrize("began", [False, True])
def test_a_reply_can_be_cancelled(began: bool) -> None:
    talk = Talk(manner=MANUAL)
    asks(talk)
    if began:
        talk.grows("We are open today.")
        talk.audio(1_000)
    talk.do(on.ReplyUnwanted("cancel"))
    assert talk.all(ReplyEnded) == [ReplyEnded(1, "cancelled", "client_cancelled")]
    assert (talk.all(Abandon)[-1].work, talk.state) == (talk.thinking, State.LISTENING)


@pytest.mark.parametrize("turn", [None, 7])
def test_what_is_not_there_cannot_be_cancelled(turn: int | None) -> None:
    talk = Talk(manner=MANUAL) if turn is None else speaking(MANUAL)
    talk.do(on.ReplyUnwanted("cancel", turn))
    refusal = talk.all(Refused)[-1]
    assert (refusal.ref, refusal.code) == ("cancel", "response_cancel_not_active")
    assert refusal.message.startswith("Cancellation failed")


def test_an_answer_that_is_due_can_be_cancelled() -> None:
    talk = Talk(manner=DETECTING)
    talk.speaks()
    talk.do(on.ReplyUnwanted("cancel"))
    talk.transcribed("Are you open?")
    assert (talk.all(Think), talk.all(Refused), talk.all(Heard)[-1].text) == ([], [], "Are you open?")


def test_a_reply_that_fails_says_why() -> None:
    talk = Talk(manner=MANUAL)
    asks(talk)
    talk.fails()
    assert talk.all(ReplyEnded, Failed) == [ReplyEnded(1, "failed", "provider_timeout", "it did not answer in time")]
    assert talk.state is State.LISTENING
    # The client was told of its item, and may ask for it.
    assert item(talk, "item_0001") == Item("item_0001", assistant(""), spoken=True, complete=False)


def test_a_reply_that_fails_when_it_sounds_ends_with_what_there_is() -> None:
    talk = speaking(MANUAL)
    talk.fails(talk.all(Speak)[-1].work)
    assert talk.all(ReplyEnded, Failed) == [ReplyEnded(2, "failed", "provider_timeout", "it did not answer in time")]


def test_usage_and_what_cut_it_are_told() -> None:
    talk = Talk(manner=WRITTEN)
    asks(talk)
    talk.grows("We are")
    talk.do(on.ReplyEnded(talk.thinking, None, Finish(Usage(12, 5), "max_output_tokens")))
    assert talk.all(ReplyEnded) == [ReplyEnded(1, "incomplete", "max_output_tokens", usage=Usage(12, 5))]


# Functions


def test_a_function_is_asked_for_and_its_result_answered() -> None:
    tools = Wish(tools=(Tool("hours", "", {}),), spoken=False)
    talk = Talk(manner=replace(MANUAL, wish=tools))
    talk.do(on.ItemGiven(Item("mine", user("Are you open?")), None, "give"))
    asks(talk)
    for piece in ("", '{"day": ', '"today"}'):
        talk.do(on.CallGrew(talk.thinking, CallDelta("call_1", "hours", piece), 0.1))
    talk.take()
    talk.reply_ends()
    assert told(talk, CallGrew, ReplyEnded) == [
        CallGrew(1, "item_0002", "call_1", "hours", "", final=True),
        ReplyEnded(1, "completed"),
    ]
    assert [grown.arguments for grown in talk.all(CallGrew)] == ["", '{"day": ', '"today"}', ""]
    call = ToolCall("call_1", "hours", '{"day": "today"}')
    assert item(talk, "item_0002") == Item("item_0002", call)
    talk.do(on.ItemGiven(Item("result", ToolResult("call_1", "9 to 5")), None, "give"))
    asks(talk)
    assert talk.prompt() == (user("Are you open?"), call, ToolResult("call_1", "9 to 5"))


def test_words_before_a_call_are_spoken_and_remembered_before_it() -> None:
    talk = Talk(manner=MANUAL)
    asks(talk)
    talk.grows("One moment.")
    talk.do(on.CallGrew(talk.thinking, CallDelta("call_1", "hours", "{}"), 0.1))
    talk.reply_ends()
    talk.spoken(500)
    talk.listen()
    asks(talk)
    assert talk.prompt() == (assistant("One moment."), ToolCall("call_1", "hours", "{}"))


# Replies outside of the conversation


def test_an_aside_is_remembered_by_nobody_and_in_nobodys_way() -> None:
    talk = speaking(MANUAL)
    asks(talk, Wish("Summarise.", spoken=False), aside=True, ref="aside")
    assert talk.all(ReplyBegan)[-1] == ReplyBegan(3, "item_0003", "aside", aside=True)
    talk.grows("A question about hours.")
    talk.reply_ends()
    assert talk.all(ReplyEnded) == [ReplyEnded(3, "completed")]
    talk.do(on.ItemAsked("item_0003", "look"))
    assert talk.all(Refused)[-1].code == "item_retrieve_invalid_item_id"
    assert talk.state is State.SPEAKING


def test_an_aside_may_be_spoken() -> None:
    talk = Talk(manner=MANUAL)
    asks(talk, aside=True)
    talk.reply("One.", "Two.")
    for _ in range(2):
        talk.spoken(300)
    assert talk.all(AsideSpoken) == [AsideSpoken(1, sound(1, 300))] * 2
    assert (talk.all(Play), talk.all(ReplyEnded)) == ([], [ReplyEnded(1, "completed")])


def test_an_aside_can_be_cancelled_or_fail() -> None:
    talk = Talk(manner=MANUAL)
    asks(talk, aside=True)
    talk.do(on.ReplyUnwanted("cancel", 1))
    asks(talk, aside=True)
    talk.fails()
    assert talk.all(ReplyEnded) == [
        ReplyEnded(1, "cancelled", "client_cancelled"),
        ReplyEnded(2, "failed", "provider_timeout", "it did not answer in time"),
    ]


def test_asides_are_bounded() -> None:
    talk = Talk(manner=MANUAL)
    for _ in range(5):
        asks(talk, aside=True)
    assert [refused.code for refused in talk.all(Refused)] == ["rate_limit_exceeded"]
    talk.hangs_up()
    assert len(talk.all(Abandon)) == 4


# Items


def test_items_are_given_shown_and_forgotten() -> None:
    talk = Talk(manner=MANUAL)
    mine = Item("mine", user("hello"))
    talk.do(on.ItemGiven(mine, None, "give"))
    talk.do(on.ItemAsked("mine", "look"))
    talk.do(on.ItemUnwanted("mine", "drop"))
    talk.do(on.ItemUnwanted("mine", "drop again"))
    assert told(talk) == [
        ItemTaken(mine, ""),
        ItemShown(mine),
        ItemGone("mine"),
        Refused("drop again", "item_delete_invalid_item_id", "There is no item 'mine' in this conversation.", "item_id"),
    ]


def test_audio_that_is_given_becomes_words() -> None:
    talk = Talk(manner=MANUAL)
    talk.do(on.ItemGiven(Item("mine", user(""), spoken=True), None, "give", sound(1, 500)))
    asked = talk.all(Transcribe)[-1]
    assert asked.pcm == sound(1, 500)
    asks(talk)
    assert talk.all(Think) == []
    talk.transcribed("Are you open?")
    assert talk.prompt() == (user("Are you open?"),)


def test_a_reply_is_shortened_to_what_the_client_says_was_heard() -> None:
    talk = speaking(MANUAL)
    talk.reply_ends()
    talk.phrase_ends()
    talk.listen()
    talk.do(on.ItemCut("item_0002", 300, "cut"))
    assert talk.all(ItemShortened) == [ItemShortened("item_0002", 300)]
    asks(talk)
    assert talk.prompt() == (user("Are you open?"), assistant("We are [interrupted]"))


def test_a_reply_that_is_shortened_while_it_is_made_stops() -> None:
    talk = speaking(MANUAL)
    talk.take()
    talk.do(on.ItemCut("item_0002", 200, "cut"))
    assert told(talk, ReplyEnded, ItemShortened) == [
        ReplyEnded(2, "cancelled", "client_cancelled"),
        ItemShortened("item_0002", 200),
    ]
    assert (item(talk, "item_0002").heard_ms, talk.state) == (200, State.LISTENING)


# Time


def test_a_caller_who_says_nothing_is_answered_unasked() -> None:
    talk = speaking(replace(MANUAL, idle_ms=5_000))
    talk.reply_ends()
    talk.phrase_ends()
    talk.take()
    talk.wait(5_900)
    assert told(talk) == []
    talk.wait(200)
    assert told(talk) == [NobodySpoke(2_000, 7_000, "item_0003"), TurnTaken("item_0003", 5_000), ReplyBegan(3, "item_0004")]
    assert talk.prompt() == (user("Are you open?"), assistant("We are open today."))


def test_nobody_waits_before_the_first_reply() -> None:
    talk = Talk(manner=replace(DETECTING, idle_ms=5_000))
    talk.wait(60_000)
    assert talk.all(NobodySpoke) == []
