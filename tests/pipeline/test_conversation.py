"""What the brain commands, event by event, on a clock that moves when the test says so.

How turns are taken is told as whole conversations in `dialogues/`.
"""

import pytest

from pipeline import events as on
from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.errors import Fault
from pipeline.history import CUT
from pipeline.latency import Latency
from pipeline.notices import AudioDone, AudioStarted, CallerBegan, CallerStopped, Failed, Heard, Interrupted, Said, TurnReport
from pipeline.ports import FlowStep, Phrase, Prompt, Transcript, Word
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.talk import (
    IN_STATE,
    RATE,
    TAIL,
    Talk,
    assistant,
    in_hearing,
    in_speaking,
    in_thinking,
    in_transcribing,
    sound,
    user,
)

LATE = Transcript("too late", "en")
TOOK_TOO_LONG = Failed("provider_timeout", "it did not answer in time", Fault.PROVIDER)


# A turn


def test_a_normal_turn_goes_through_the_stages_in_order() -> None:
    talk = Talk()
    expected = talk.flow.expected("en", {})

    talk.wait(1_000)
    talk.speech_began()
    assert talk.take() == [Tell(CallerBegan(1_000))]
    assert talk.state is State.HEARING

    talk.wait(900)
    talk.speech_ended()
    assert talk.take() == [Tell(CallerStopped(1_900)), Transcribe(Work(1, 1), 16_000, 30_400 + TAIL, "en", expected, 0.24)]
    assert talk.state is State.TRANSCRIBING

    talk.transcribed("Are you open?", took_ms=80)
    prompt = Prompt((user("Are you open?"),), "en", "clinic", {})
    assert talk.take() == [Tell(Heard(1, "Are you open?", True, "en", 0.9)), Think(Work(1, 2), prompt, 0.42)]
    assert talk.state is State.THINKING

    talk.grows("Yes, we are.", took_ms=150)
    first = Speak(Work(1, 2), 0, Phrase("Yes, we are.", "en"), RATE, 0.18)
    assert talk.take() == [Tell(Said(1, "Yes, we are.", final=False)), first]
    talk.grows("Until five.")
    talk.reply_ends()
    assert talk.take() == [Tell(Said(1, "Yes, we are. Until five.", False)), Tell(Said(1, "Yes, we are. Until five.", True))]

    talk.audio(400, took_ms=60)
    latency = Latency(endpoint_ms=500, asr_ms=80, llm_ms=150, tts_ms=60, overhead_ms=0, total_ms=790)
    report = TurnReport(1, latency, speculated=False, met="neither", late=("llm",))
    assert talk.take() == [Tell(AudioStarted(1)), Play(sound(1, 400)), Tell(report)]
    assert talk.state is State.SPEAKING

    talk.phrase_ends()
    assert talk.take() == [Speak(Work(1, 2), 1, Phrase("Until five.", "en"), RATE, 0.18)]
    talk.spoken(300)
    assert talk.take() == [Play(sound(1, 300)), Tell(AudioDone(1, 700))]
    assert talk.state is State.SPEAKING

    talk.listen()
    assert talk.take() == []
    assert talk.state is State.LISTENING
    assert talk.brain.take_reports() == [report.latency]


def test_the_next_prompt_holds_what_was_said_before() -> None:
    talk = Talk()
    talk.says("Are you open?")
    talk.reply("Yes, we are.")
    talk.spoken(500)
    talk.listen()
    talk.says("And tomorrow?")
    assert talk.prompt() == (user("Are you open?"), assistant("Yes, we are."), user("And tomorrow?"))
    assert talk.work.turn == 2


def test_the_parts_of_a_turns_latency_add_up_whatever_waits_in_between() -> None:
    talk = Talk()
    talk.speaks()
    talk.wait(7)
    talk.transcribed("Are you open?", took_ms=80)
    talk.wait(5)
    talk.grows("Yes.", took_ms=120)
    talk.wait(3)
    talk.audio(400, took_ms=60)
    (report,) = talk.all(TurnReport)
    assert report.latency == Latency(endpoint_ms=500, asr_ms=80, llm_ms=120, tts_ms=60, overhead_ms=15, total_ms=775)


def test_of_a_piece_that_was_under_way_only_the_wait_after_the_turn_counts() -> None:
    talk = in_hearing()
    talk.piece_due()
    (first,) = talk.all(Transcribe)
    talk.wait(2_000)
    talk.speech_ended()
    (_, last) = talk.all(Transcribe)
    talk.transcribed("and thank you", last)
    talk.wait(100)
    talk.do(on.Transcribed(first.work, Transcript("Good morning", "en"), took_s=2.6))
    talk.grows("Good morning.")
    talk.audio(100)
    (report,) = talk.all(TurnReport)
    assert report.latency == Latency(endpoint_ms=500, asr_ms=100, llm_ms=0, tts_ms=0, overhead_ms=0, total_ms=600)


def test_a_typed_turn_is_thought_about_at_once() -> None:
    talk = Talk()
    talk.wait(2_000)
    talk.types("Are you open?")
    prompt = Prompt((user("Are you open?"),), "en", "clinic", {})
    assert talk.take() == [Tell(Heard(1, "Are you open?", True, "en", None)), Think(Work(1, 1), prompt, 0.42)]
    talk.reply("Yes.", took_ms=90)
    talk.audio(100, took_ms=40)
    (report,) = talk.all(TurnReport)
    assert report.latency == Latency(endpoint_ms=0, asr_ms=0, llm_ms=90, tts_ms=40, overhead_ms=0, total_ms=130)


def test_speech_without_words_is_not_answered() -> None:
    talk = in_transcribing()
    talk.take()
    talk.transcribed("")
    assert talk.take() == [Tell(Heard(1, "", True, "en", 0.9))]
    assert talk.state is State.LISTENING
    talk.says("Are you open?")
    assert talk.prompt() == (user("Are you open?"),)


def test_a_reply_without_words_ends_at_once_and_is_not_remembered() -> None:
    talk = in_thinking()
    talk.take()
    talk.reply()
    assert talk.take() == [Tell(Said(1, "", final=True))]
    assert talk.state is State.LISTENING
    talk.says("Hello?")
    assert talk.prompt() == (user("Are you open?"), user("Hello?"))


def test_what_the_flow_remembers_goes_into_the_next_prompt_and_into_what_is_expected() -> None:
    talk = in_thinking()
    state = talk.flow.step("I would like an appointment", "en", {}, accept=0.5).state
    talk.reply("On which day?", step=FlowStep(state))
    talk.spoken(300)
    talk.listen()
    talk.says("On Monday.")
    assert talk.all(Think)[-1].prompt.flow_state == state
    assert talk.all(Transcribe)[-1].phrases == talk.flow.expected("en", state)
    assert talk.flow.expected("en", state) != talk.flow.expected("en", {})


# The greeting


def test_the_greeting_is_spoken_heard_and_remembered() -> None:
    talk = Talk(greeting=True)
    text = talk.flow.greeting("en")
    first, _, rest = text.partition(", ")
    first += ","
    assert talk.take() == [
        Tell(Said(0, text, final=True)),
        Speak(Work(0, 1), 0, Phrase(first, "en"), RATE, 0.18),
    ]
    talk.spoken(500)
    assert talk.take() == [
        Tell(AudioStarted(0)),
        Play(sound(0, 500)),
        Speak(Work(0, 1), 1, Phrase(rest, "en"), RATE, 0.18),
    ]
    talk.spoken(400)
    talk.listen()
    assert talk.all(AudioDone) == [AudioDone(0, 900)]
    assert talk.all(TurnReport) == []  # nobody waited for it
    assert talk.state is State.LISTENING
    talk.says("Are you open?")
    assert talk.prompt() == (assistant(text), user("Are you open?"))


def test_a_caller_who_speaks_before_the_greeting_sounds_is_listened_to() -> None:
    talk = Talk(greeting=True)
    (asked,) = talk.all(Speak)
    talk.take()
    talk.speech_began()
    assert talk.take() == [Abandon(Work(0, 1)), Tell(CallerBegan(0))]
    talk.audio(500, asked=asked)
    assert talk.take() == []
    talk.wait(1_000)
    talk.speech_ended()
    talk.transcribed("Hello?")
    assert talk.prompt() == (user("Hello?"),)


def test_a_greeting_that_fails_is_told_and_nothing_else_changes() -> None:
    talk = Talk(greeting=True)
    talk.take()
    talk.fails()
    assert talk.take() == [Abandon(Work(0, 1)), Tell(TOOK_TOO_LONG)]
    talk.says("Are you open?")
    assert talk.prompt() == (user("Are you open?"),)


# Speaking over the reply


def test_a_caller_who_interrupts_is_remembered_to_have_heard_no_more_than_was_played() -> None:
    talk = in_thinking()
    text = "We are open from nine until one."
    talk.grows(text)
    talk.audio(1_400, [Word(word, n * 0.2, (n + 1) * 0.2) for n, word in enumerate(text.split())])
    talk.phrase_ends()
    talk.wait(710)  # "from" is half over
    talk.take()
    talk.speech_began()
    assert talk.take() == [
        Tell(Interrupted(1, 710, "We are open from")),
        Abandon(Work(1, 2)),
        Tell(CallerBegan(2_210)),
    ]
    talk.wait(500)
    talk.speech_ended()
    talk.transcribed("And on Sunday?")
    assert talk.prompt() == (user("Are you open?"), assistant("We are open from" + CUT), user("And on Sunday?"))


def test_what_is_late_for_an_interrupted_reply_is_dropped() -> None:
    talk = in_speaking()
    (asked,) = talk.all(Speak)
    talk.wait(300)
    talk.speech_began()
    talk.take()
    talk.audio(500, asked=asked)
    talk.phrase_ends(asked)
    talk.grows("Any more questions?", asked.work)
    talk.reply_ends(work=asked.work)
    talk.do(on.Transcribed(Work(1, 1), LATE, 0.1))
    talk.fails(asked.work)
    talk.wait(5_000)
    assert talk.take() == []
    assert talk.state is State.HEARING


def test_a_typed_turn_interrupts_too() -> None:
    talk = in_speaking(ms=2_000)
    talk.wait(2_000)
    talk.take()
    talk.types("Stop. Where are you?")
    taken = talk.take()
    assert taken[:2] == [Tell(Interrupted(1, 2_000, "We are open today.")), Abandon(Work(1, 2))]
    assert talk.prompt() == (user("Are you open?"), assistant("We are open today." + CUT), user("Stop. Where are you?"))


def test_a_typed_turn_takes_over_from_the_voice() -> None:
    talk = in_hearing()
    talk.take()
    talk.types("I cannot talk now")
    assert [type(command) for command in talk.take()] == [Tell, Think]
    talk.speech_ended()
    assert talk.take() == []
    assert talk.prompt() == (user("I cannot talk now"),)


# Going on to speak


def test_a_caller_who_goes_on_while_words_are_awaited_had_not_finished() -> None:
    talk = Talk()
    talk.speaks(1_000)
    (asked,) = talk.all(Transcribe)
    talk.wait(20)
    talk.take()
    talk.speech_began()
    assert talk.take() == [Abandon(Work(1, 1)), Tell(CallerBegan(1_520))]
    talk.transcribed("too late", asked)
    assert talk.take() == []
    talk.wait(800)
    talk.speech_ended()
    # All of it is asked once more, from where the first turn began.
    assert talk.all(Transcribe)[-1] == Transcribe(Work(2, 2), 0, round(2.32 * 16_000) + TAIL, "en", asked.phrases, 0.24)
    talk.transcribed("Are you open on Sunday?")
    assert [think.work.turn for think in talk.all(Think)] == [2]
    assert talk.prompt() == (user("Are you open on Sunday?"),)


def test_a_caller_who_goes_on_before_the_reply_sounds_had_not_finished_either() -> None:
    talk = in_thinking()
    talk.grows("Yes, we are.")
    (asked,) = talk.all(Speak)
    talk.take()
    talk.speech_began()
    assert talk.take() == [Abandon(Work(1, 2)), Tell(CallerBegan(1_500))]
    talk.audio(500, asked=asked)
    assert talk.take() == []
    talk.wait(500)
    talk.speech_ended()
    talk.transcribed("on Sunday, I mean")
    assert talk.all(Heard)[-1] == Heard(2, "Are you open? on Sunday, I mean", True, "en", 0.9)
    assert talk.prompt() == (user("Are you open? on Sunday, I mean"),)
    talk.reply("No.")
    talk.spoken(200)
    talk.listen()
    assert talk.all(AudioStarted) == [AudioStarted(2)]


def test_words_are_joined_however_often_the_caller_goes_on() -> None:
    talk = Talk()
    talk.says("I would like")
    talk.says("an appointment")
    talk.speaks()
    talk.says("on Monday")  # went on while the words of the turn before were awaited: they are asked for again
    assert talk.prompt() == (user("I would like an appointment on Monday"),)
    assert [think.work.turn for think in talk.all(Think)] == [1, 2, 4]


# The caller is away for a while


def test_a_reply_that_begins_while_the_caller_is_away_is_heard_whole_when_they_are_back() -> None:
    talk = in_transcribing()
    talk.do(on.WentAway())
    talk.transcribed("Are you open?")
    talk.reply("We are.")
    talk.spoken(700)
    talk.wait(3_000)
    assert (talk.played_ms(), talk.state) == (0, State.THINKING)
    talk.do(on.CameBack())
    assert (talk.played_ms(), talk.state) == (700, State.SPEAKING)
    talk.listen()
    assert talk.state is State.LISTENING


# Asking for silence


@pytest.mark.parametrize(
    ("state", "after", "types"),
    [
        (State.LISTENING, State.LISTENING, []),
        (State.HEARING, State.HEARING, []),
        (State.TRANSCRIBING, State.LISTENING, [Abandon]),
        (State.THINKING, State.LISTENING, [Abandon]),
        (State.SPEAKING, State.LISTENING, [Tell, Abandon]),
        (State.HELD, State.HEARING, [Tell, Abandon]),
        (State.ENDED, State.ENDED, []),
    ],
)
def test_the_caller_may_ask_for_silence_in_any_state(state: State, after: State, types: list[type]) -> None:
    talk = IN_STATE[state]()
    assert talk.state is state
    talk.take()
    talk.asks_to_stop()
    assert (talk.state, [type(command) for command in talk.take()]) == (after, types)


def test_it_is_told_who_knows_what_was_heard() -> None:
    talk = in_speaking(ms=1_000)
    talk.wait(500)
    talk.do(on.Played(450))
    talk.asks_to_stop()
    assert [told.told_by for told in talk.all(Interrupted)] == ["client"]


def test_a_reply_that_was_stopped_is_as_long_as_it_was_heard() -> None:
    talk = in_speaking(ms=1_000)
    talk.phrase_ends()
    talk.wait(1_000 * 5 // 16)  # "We are" is 5 of 15 letters
    talk.asks_to_stop()
    assert talk.all(Interrupted) == [Interrupted(1, 312, "We are")]
    talk.says("And tomorrow?")
    assert talk.prompt() == (user("Are you open?"), assistant("We are" + CUT), user("And tomorrow?"))


def test_who_asks_for_silence_while_speaking_is_still_answered() -> None:
    talk = in_hearing()
    talk.asks_to_stop()
    talk.speech_ended()
    talk.transcribed("Are you open?")
    assert talk.prompt() == (user("Are you open?"),)


# The end


@pytest.mark.parametrize(
    ("state", "abandoned"),
    [
        (State.LISTENING, []),
        (State.HEARING, []),
        (State.TRANSCRIBING, [Abandon(Work(1, 1))]),
        (State.THINKING, [Abandon(Work(1, 2))]),
        (State.SPEAKING, [Abandon(Work(1, 2))]),
        (State.HELD, [Abandon(Work(1, 2))]),
        (State.ENDED, []),
    ],
)
def test_the_caller_may_hang_up_in_any_state(state: State, abandoned: list[Command]) -> None:
    talk = IN_STATE[state]()
    talk.take()
    talk.hangs_up()
    assert talk.take() == abandoned
    assert (talk.state, talk.brain.over, talk.brain.deadline()) == (State.ENDED, True, None)
    talk.types("Are you still there?")
    talk.speech_began()
    talk.wait(10_000)
    assert talk.take() == []


def test_a_flow_that_ends_the_call_hangs_up_when_its_goodbye_was_heard() -> None:
    talk = in_thinking()
    talk.reply("Goodbye.", step=FlowStep({"intent": "goodbye"}, ends_call=True))
    talk.spoken(1_500)
    talk.wait(1_400)
    assert talk.state is State.SPEAKING
    talk.take()
    talk.wait(100)
    assert talk.take() == [HangUp()]
    assert talk.brain.over


def test_a_caller_who_interrupts_the_goodbye_is_not_hung_up_on() -> None:
    talk = in_thinking()
    talk.reply("Goodbye.", step=FlowStep({"intent": "goodbye"}, ends_call=True))
    talk.spoken(1_500)
    talk.wait(500)
    talk.says("Wait!")
    assert talk.all(HangUp) == []
    assert talk.prompt()[-1] == user("Wait!")


# Pacing


def test_no_more_audio_is_sent_ahead_than_the_lead() -> None:
    talk = in_speaking("playout.lead_ms=600", "playout.chunk_ms=100", ms=3_000)
    began = talk.now
    sent = {round((talk.now - began) * 1000): talk.played_ms()}
    while talk.played_ms() < 3_000:
        talk.wait(50)
        sent[round((talk.now - began) * 1000)] = talk.played_ms()
    assert sent == {ms: min(600 + ms // 100 * 100, 3_000) for ms in range(0, 2_401, 50)}


def test_a_client_that_says_what_it_played_is_believed() -> None:
    talk = in_speaking("playout.lead_ms=600", "playout.chunk_ms=100", ms=3_000)
    talk.wait(500)
    assert talk.played_ms() == 1_100
    talk.has_played(200)  # it began late
    talk.wait(250)
    assert talk.played_ms() == 1_100
    talk.wait(150)
    assert talk.played_ms() == 1_200


def test_what_is_made_ahead_is_bounded() -> None:
    talk = in_thinking("conversation.max_ahead_ms=2000")
    talk.reply(*(f"This is sentence number {n}." for n in range(9)))
    began = talk.now
    unheard_when_asked: list[int] = []
    for made_ms in range(1_500, 9 * 1_500, 1_500):
        phrases = len(talk.all(Speak))
        talk.spoken(1_500)
        while len(talk.all(Speak)) == phrases:
            talk.wait(1000 * (talk.brain.deadline() - talk.now))
        unheard_when_asked.append(made_ms - round(1000 * (talk.now - began)))
    assert unheard_when_asked[0] == 1_500
    # Asked for with the next chunk that leaves, at the latest.
    assert all(1_800 <= unheard <= 2_000 for unheard in unheard_when_asked[1:])
    talk.spoken(1_500)
    talk.listen()
    assert talk.all(AudioDone) == [AudioDone(1, 13_500)]


def test_a_bound_below_the_lead_does_not_stall_the_reply() -> None:
    talk = in_thinking("conversation.max_ahead_ms=500", "playout.lead_ms=1000")
    talk.reply("One sentence.", "Another sentence.")
    talk.spoken(900)
    assert len(talk.all(Speak)) == 1
    talk.listen()
    assert len(talk.all(Speak)) == 2
    assert round(talk.now * 1000) == 1_500 + 400
    talk.spoken(900)
    talk.listen()
    assert talk.state is State.LISTENING
