"""Every scenario of `dialogues/`, whose shard dies somewhere on the way; what must hold at each moment `Surviving` checks.

A turn has one reply, every sample of it reaches the caller once and in order, nothing is told twice, and what is remembered at
the end is what would be remembered if nobody had died.
"""

import re
import zlib
from collections.abc import Collection

import pytest

from pipeline import events as on
from pipeline.commands import Speak, Tell, Think
from pipeline.conversation import Conversation
from pipeline.history import CUT
from pipeline.manner import Manner
from pipeline.memento import NOTHING_TOLD, Memento, Told
from pipeline.notices import AudioStarted, Said, WentOn
from pipeline.ports import Message
from pipeline.states import State
from tests.pipeline.dialogue_table import Played, Scenario
from tests.pipeline.surviving import Surviving
from tests.pipeline.talk import RATE, Talk, assistant, in_speaking, in_thinking, user
from tests.pipeline.test_dialogues import SCENARIOS

DEATHS = 2
"""In each scenario, one at a time."""
ELSEWISE = {
    "Audio is let go when recognition takes too long, and that is told": "all that was kept comes at once, and is too much",
    "Audio that became words is let go without a word": "the same",
    "In the middle of a sentence too": "the sentence is heard after the goodbye, and not before",
    "'Yes' at the end of a reply is an answer": "the end comes later than its caller expects",
}
"""Scenarios in which a death may change what is remembered, and why."""


def spread(scenario: Scenario, events: int, count: int) -> list[int]:
    """Moments all over the scenario, the same ones at each run."""
    seed = zlib.crc32(scenario.title.encode())
    return [1 + (seed + number * events // count) % events for number in range(count)]


def survive(scenario: Scenario, deaths: Collection[int], outage_s: float) -> Played:
    return Played(scenario, lambda world, overrides: Surviving(world, overrides, deaths, outage_s))


def remembered(played: Played) -> list[Message]:
    """The history; of replies that were cut it is only known that they were."""
    return [Message(one.role, re.sub(f".*{re.escape(CUT)}", CUT, one.text)) for one in played.history]


def unlucky(scenario: Scenario) -> bool:
    """Whether stages fail at a certain request; a death changes which one that is."""
    world = scenario.world
    return any(answer.fails for script in (world.asr, world.llm, world.tts) for answer in script)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.where.split('.')[0]}: {scenario.title}")
def test_a_death_changes_nothing(scenario: Scenario) -> None:
    undisturbed = survive(scenario, (), 0.0)
    assert isinstance(undisturbed.dialogue, Surviving)
    for death in spread(scenario, undisturbed.dialogue.given, DEATHS):
        played = survive(scenario, {death}, 0.0)
        if scenario.title not in ELSEWISE and not unlucky(scenario):
            assert remembered(played) == remembered(undisturbed), f"after death at event {death}"


@pytest.mark.parametrize("outage_s", [0.05, 1.3])
def test_deaths_one_after_the_other(outage_s: float) -> None:
    for scenario in SCENARIOS:
        seed = zlib.crc32(scenario.title.encode())
        played = survive(scenario, {1 + seed % 40, 2 + seed % 60, 20 + seed % 45}, outage_s)
        turns = [notice.turn for notice in played.all(AudioStarted) if notice.turn]
        assert turns == sorted(set(turns)), scenario.title


# What a memento brings


def elsewhere(talk: Talk, told: Told = NOTHING_TOLD) -> Talk:
    """The same conversation at another shard, from the memento that it gives now."""
    memento = talk.brain.memento()
    assert memento is not None
    return from_memento(talk, memento, told)


def from_memento(talk: Talk, memento: Memento, told: Told) -> Talk:
    other = Talk()
    other.now, other.commands = talk.now, []
    other.brain = Conversation(talk.config, "clinic", talk.flow, Manner("en", RATE, greets=False))
    other.commands += other.brain.restore(memento, told, talk.now)
    return other


def test_a_memento_is_given_when_something_changed_and_nobody_speaks() -> None:
    talk = Talk()
    assert talk.brain.memento() is not None
    assert talk.brain.memento() is None
    talk.speech_began()
    talk.do(on.CameBack())
    assert talk.brain.memento() is None


def test_a_reply_that_is_thought_of_is_asked_for_again() -> None:
    talk = Talk()
    talk.says("Are you open?")
    other = elsewhere(talk)
    assert (other.state, other.prompt()) == (State.THINKING, (user("Are you open?"),))


def test_a_reply_whose_words_are_known_is_only_spoken_again() -> None:
    talk = in_speaking()
    talk.reply_ends()
    other = elsewhere(talk)
    assert [one.phrase.text for one in other.all(Speak)] == ["We are open today."]
    assert other.all(Think) == []


def test_what_was_sent_is_made_again_and_not_sent() -> None:
    talk = in_speaking(ms=1_000)
    talk.reply_ends()
    other = elsewhere(talk)
    sent = talk.played_ms()
    other.spoken(1_500)
    other.listen()
    assert sent + other.played_ms() == 1_500
    assert (other.state, other.brain._floor.history.entries()[-1]) == (State.LISTENING, assistant("We are open today."))


def test_what_was_heard_of_an_interrupted_reply_is_remembered() -> None:
    talk = in_thinking()
    other = elsewhere(talk, Told(turn=1, texts=("We are open today.",), sent=8_000, heard="We are"))
    assert other.state is State.LISTENING
    assert other.brain._floor.history.entries() == (user("Are you open?"), assistant("We are" + CUT))


def test_keys_that_wait_for_more_are_kept() -> None:
    talk = Talk()
    talk.do(on.KeyPressed("4"))
    other = elsewhere(talk)
    other.do(on.KeyPressed("2"))
    other.do(on.KeyPressed("#"))
    assert other.prompt() == (user("42"),)


def test_a_conversation_is_as_old_as_it_was() -> None:
    talk = Talk("server.longest_conversation_s=60", "quiet.idle_ms=0")
    memento = talk.brain.memento()
    assert memento is not None
    talk.wait(50_000)
    other = from_memento(talk, memento, Told(again=(0, 50 * 16_000)))
    other.wait(9_000)
    assert other.all(Said) == []
    other.wait(1_500)
    assert [said.text for said in other.all(Said)] == [talk.flow.goodbye("en")]


def test_one_who_comes_back_is_told_the_reply_again() -> None:
    talk = in_thinking()
    talk.do(on.WentAway())
    talk.reply("We are open today.")
    talk.take()
    talk.do(on.CameBack())
    told = [command.notice for command in talk.take() if isinstance(command, Tell)]
    assert told == [WentOn(1, 0), Said(1, "We are open today.", final=True)]
