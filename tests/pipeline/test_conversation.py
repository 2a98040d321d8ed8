"""What the brain commands, event by event, on a clock that moves when the test says so.

How turns are taken is told as whole conversations in `dialogues/`.
"""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline import events as on
from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.errors import Fault
from pipeline.history import CUT
from pipeline.latency import Latency
from pipeline.notices import (
    AudioDone,
    AudioStarted,
    CallerBegan,
    CallerStopped,
    Failed,
    Heard,
    Interrupted,
    Said,
    TurnReport,
)
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


# Long speech


def test_long_speech_is_transcribed_in_pieces() -> None:
    talk = Talk()
    talk.speech_began()
    talk.wait(15_000)
    talk.piece_due()
    talk.transcribed("The first part", took_ms=300)
    assert talk.brain.audio_needed_from == 15_000 * 16
    talk.wait(2_700)
    talk.speech_ended()
    assert [(asked.start, asked.stop - TAIL) for asked in talk.all(Transcribe)] == [
        (0, 15_000 * 16),
        (15_000 * 16, 18_000 * 16),
    ]
    talk.transcribed("and the end.")
    assert talk.all(Heard)[-1] == Heard(1, "The first part and the end.", True, "en", 0.9)
    assert talk.prompt() == (user("The first part and the end."),)


def test_pieces_may_come_back_in_any_order() -> None:
    talk = in_hearing()
    talk.piece_due()
    talk.wait(1_000)
    talk.speech_ended()
    first, last = talk.all(Transcribe)
    talk.transcribed("at eight?", last)
    assert talk.state is State.TRANSCRIBING
    talk.transcribed("Are you open", first)
    assert [(heard.text, heard.final) for heard in talk.all(Heard)] == [("Are you open at eight?", True)]


def test_a_piece_that_fails_is_asked_again_with_what_follows() -> None:
    talk = in_hearing()
    talk.piece_due()
    talk.transcribed("One")
    talk.wait(1_000)
    talk.piece_due()
    (_, failed) = talk.all(Transcribe)
    talk.take()
    talk.fails()
    assert talk.take() == [Tell(TOOK_TOO_LONG), Abandon(failed.work)]
    assert talk.state is State.HEARING
    assert talk.brain.audio_needed_from == 16_000
    talk.wait(1_000)
    talk.speech_ended()
    again = talk.all(Transcribe)[-1]
    assert (again.work.turn, again.start, again.stop - TAIL) == (1, 16_000, 48_000)
    talk.transcribed("too late", failed)  # the answer of the piece that was given up
    assert talk.state is State.TRANSCRIBING
    talk.transcribed("two three")
    assert talk.prompt() == (user("One two three"),)


def test_when_the_first_of_two_pieces_fails_what_came_after_is_asked_again_too() -> None:
    talk = in_hearing()
    talk.piece_due()
    talk.wait(1_000)
    talk.piece_due()
    (first, _) = talk.all(Transcribe)
    talk.transcribed("two")
    talk.fails(first.work)
    assert talk.brain.audio_needed_from == 0
    talk.speech_ended()
    talk.transcribed("One two")
    assert talk.prompt() == (user("One two"),)


def test_a_turn_that_ends_in_the_pause_that_sent_a_piece_off_has_nothing_left_to_transcribe() -> None:
    talk = in_hearing()
    spoken_until, heard_at = talk.position, talk.now
    talk.wait(200)
    talk.piece_due()
    talk.transcribed("That is all.", took_ms=100)
    talk.wait(200)
    talk.take()
    talk.do(on.SpeechEnded(spoken_until, heard_at))
    prompt = Prompt((user("That is all."),), "en", "clinic", {})
    assert talk.take() == [
        Tell(CallerStopped(1_000)),
        Tell(Heard(1, "That is all.", True, "en", 0.9)),
        Think(Work(1, 2), prompt, 0.42),
    ]


def test_a_turn_that_ends_before_such_a_piece_is_back_waits_for_it() -> None:
    talk = in_hearing()
    spoken_until, heard_at = talk.position, talk.now
    talk.wait(200)
    talk.piece_due()
    talk.wait(300)
    talk.do(on.SpeechEnded(spoken_until, heard_at))
    assert len(talk.all(Transcribe)) == 1
    talk.transcribed("That is all.", took_ms=100)
    assert talk.prompt() == (user("That is all."),)


def test_a_pause_that_failed_to_be_transcribed_does_not_cost_the_words_before_it() -> None:
    talk = in_hearing()
    spoken_until, heard_at = talk.position, talk.now
    talk.wait(200)
    talk.piece_due()
    talk.transcribed("That is all.")
    talk.wait(2_000)
    talk.piece_due()
    talk.fails()
    talk.do(on.SpeechEnded(spoken_until, heard_at))
    assert talk.prompt() == (user("That is all."),)


def test_dropped_audio_is_told() -> None:
    talk = in_hearing()
    talk.take()
    talk.do(on.AudioDropped(1_500))
    message = "1500 ms of speech were dropped: more was waiting for transcription than is kept"
    assert talk.take() == [Tell(Failed("audio_dropped", message, Fault.SERVER))]
    assert talk.state is State.HEARING


# Stages that fail


def test_when_transcription_fails_the_caller_is_told_and_may_speak_again() -> None:
    talk = in_transcribing()
    talk.take()
    talk.fails()
    assert talk.take() == [Tell(TOOK_TOO_LONG), Abandon(Work(1, 1))]
    assert talk.state is State.LISTENING
    talk.says("Once more.")
    assert talk.prompt() == (user("Once more."),)


def test_when_thinking_fails_before_any_sound_the_caller_is_told() -> None:
    talk = in_thinking()
    talk.take()
    talk.fails()
    assert talk.take() == [Abandon(Work(1, 2)), Tell(TOOK_TOO_LONG)]
    assert talk.state is State.LISTENING
    assert talk.brain.deadline() == talk.config.server.longest_conversation_s
    talk.says("Hello?")
    assert talk.prompt() == (user("Are you open?"), user("Hello?"))


def test_when_thinking_fails_in_mid_reply_what_was_made_is_heard_and_nothing_more() -> None:
    talk = in_thinking()
    talk.grows("Yes, we are.")
    talk.spoken(1_500)
    talk.grows("Until five.")
    (_, asked) = talk.all(Speak)
    talk.take()
    talk.fails()
    assert talk.take() == [Abandon(Work(1, 2)), Tell(TOOK_TOO_LONG)]
    talk.audio(400, asked=asked)
    talk.listen()
    assert talk.played_ms() == 1_500
    assert talk.all(AudioDone) == [AudioDone(1, 1_500)]
    assert talk.state is State.LISTENING
    talk.says("And tomorrow?")
    assert talk.prompt() == (user("Are you open?"), assistant("Yes, we are." + CUT), user("And tomorrow?"))


def test_when_speech_fails_in_mid_reply_the_history_holds_only_what_was_heard() -> None:
    talk = in_thinking()
    talk.reply("Yes, we are.", "Until five o'clock in the afternoon.", "Any more questions?")
    talk.spoken(600)
    talk.audio(400, [Word("Until", 0.0, 0.2), Word("five", 0.2, 0.4)])
    talk.fails()
    talk.listen()
    assert talk.played_ms() == 1_000
    assert [speak.index for speak in talk.all(Speak)] == [0, 1]
    assert talk.all(Abandon) == [Abandon(Work(1, 2))]
    talk.says("And tomorrow?")
    assert talk.prompt()[1] == assistant("Yes, we are. Until five" + CUT)


def test_when_speech_fails_what_the_language_model_still_says_is_too_late() -> None:
    talk = in_speaking()
    talk.fails()
    talk.take()
    talk.grows("Any more questions?")
    talk.reply_ends()
    assert talk.take() == []
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


# Anything in any order

WORDS = st.sampled_from(["", "yes", "are you open", "on Monday, please"])


class AnyConversation(RuleBasedStateMachine):
    """Ears and callers do as they please, and stages answer what they were asked, late, never, or when it is of no use.

    Here are also orders of events that no ear would give.
    """

    def __init__(self) -> None:
        super().__init__()
        rules = ("playout.lead_ms=300", "playout.chunk_ms=100", "conversation.max_ahead_ms=600")
        ahead = ("conversation.speculation=on", "turn.detection=semantic_vad", "interruption.hold=on", "quiet.idle_ms=3000")
        self.talk = Talk(*rules, *ahead, greeting=True)
        self.speaking = False
        self.paused = False
        self.answered: set[Command] = set()
        self.silenced: set[int] = set()
        self.seen = 0

    def asked(self, kind: type) -> list:
        return [command for command in self.talk.all(kind) if id(command) not in self.answered]

    @rule(ms=st.sampled_from([0, 1, 30, 100, 450, 2_000]))
    def time_passes(self, ms: int) -> None:
        self.talk.wait(ms)

    @rule(ms=st.sampled_from([40, 700]))
    def the_clock_was_late(self, ms: int) -> None:
        self.talk.now += ms / 1000
        self.talk.do(on.TimePassed())

    @rule()
    def the_caller_begins_or_stops(self) -> None:
        at, heard_at = self.talk.position, self.talk.now
        self.talk.do(on.SpeechEnded(at, heard_at) if self.speaking else on.SpeechBegan(at))
        self.speaking = not self.speaking
        self.paused = False

    @precondition(lambda self: self.speaking)
    @rule()
    def the_caller_draws_breath(self) -> None:
        self.talk.do(on.SpeechResumed(200) if self.paused else on.SpeechPaused(self.talk.position))
        self.paused = not self.paused

    @precondition(lambda self: self.speaking)
    @rule()
    def the_caller_goes_on(self) -> None:
        self.talk.do(on.SpeechGrew(self.talk.position, 700))

    @rule(key=st.sampled_from("1#"))
    def the_caller_presses_a_key(self, key: str) -> None:
        self.talk.do(on.KeyPressed(key))

    @precondition(lambda self: self.speaking)
    @rule()
    def speech_gathers(self) -> None:
        self.talk.piece_due()

    @rule(text=st.sampled_from(["stop", "are you there?"]))
    def the_caller_types(self, text: str) -> None:
        self.talk.types(text)

    @rule()
    def the_caller_wants_silence(self) -> None:
        self.talk.asks_to_stop()

    @rule(ms=st.integers(0, 3_000))
    def the_client_reports(self, ms: int) -> None:
        self.talk.has_played(ms)

    @precondition(lambda self: self.asked(Transcribe))
    @rule(data=st.data(), text=WORDS)
    def words_are_known(self, data: st.DataObject, text: str) -> None:
        asked = data.draw(st.sampled_from(self.asked(Transcribe)))
        self.answered.add(id(asked))
        self.talk.transcribed(text, asked)

    @precondition(lambda self: self.talk.all(Think))
    @rule(data=st.data(), phrase=st.sampled_from(["One.", "Two and three."]))
    def a_reply_grows(self, data: st.DataObject, phrase: str) -> None:
        works = [think.work for think in self.asked(Think)] or [Work(0, 1)]
        self.talk.grows(phrase, data.draw(st.sampled_from(works)))

    @precondition(lambda self: self.asked(Think))
    @rule(data=st.data(), ends_call=st.sampled_from([None, False, False, True]))
    def a_reply_ends(self, data: st.DataObject, ends_call: bool | None) -> None:
        think = data.draw(st.sampled_from(self.asked(Think)))
        self.answered.add(id(think))
        self.talk.reply_ends(None if ends_call is None else FlowStep({}, ends_call), think.work)

    @precondition(lambda self: self.asked(Speak))
    @rule(data=st.data(), ms=st.sampled_from([0, 20, 250, 1_000]), ended=st.booleans())
    def speech_is_made(self, data: st.DataObject, ms: int, ended: bool) -> None:
        asked = data.draw(st.sampled_from(self.asked(Speak)))
        self.talk.audio(ms, asked=asked)
        if ended:
            self.answered.add(id(asked))
            self.talk.phrase_ends(asked)

    @rule(data=st.data())
    def a_stage_fails(self, data: st.DataObject) -> None:
        works = {Work(0, 1), *(command.work for command in self.talk.all(Transcribe, Think, Speak))}
        self.talk.fails(data.draw(st.sampled_from(sorted(works))))

    @rule()
    def audio_is_dropped(self) -> None:
        self.talk.do(on.AudioDropped(20))

    @precondition(lambda self: len(self.talk.commands) > 20)
    @rule()
    def the_caller_hangs_up(self) -> None:
        self.talk.hangs_up()

    @invariant()
    def it_ends_for_good(self) -> None:
        if self.talk.brain.over:
            count = len(self.talk.commands)
            assert self.talk.brain.deadline() is None
            self.talk.types("hello?")
            self.talk.wait(1_000)
            assert len(self.talk.commands) == count

    @invariant()
    def only_the_reply_of_this_turn_sounds(self) -> None:
        for command in self.talk.commands[self.seen :]:
            match command:
                case Tell(Interrupted(turn)):
                    self.silenced.add(turn)
                case Tell(AudioStarted(turn)):
                    # What we say by ourselves, the greeting for one, has no turn of its own.
                    self.silenced.discard(0)
                    assert turn not in self.silenced
                case Play(pcm):
                    turn = self.talk.all(AudioStarted)[-1].turn
                    assert turn not in self.silenced
                    assert pcm == turn.to_bytes(2, "little") * (len(pcm) // 2)
        self.seen = len(self.talk.commands)

    @invariant()
    def a_turn_has_at_most_one_reply(self) -> None:
        for kind in (AudioStarted, TurnReport):
            turns = [thing.turn for thing in self.talk.all(kind) if thing.turn]
            assert turns == sorted(set(turns)), kind
        by_work = sorted(self.talk.all(Speak), key=lambda speak: speak.work)
        for _, phrases in itertools.groupby(by_work, key=lambda speak: speak.work):
            assert all(speak.index == index for index, speak in enumerate(phrases))

    @invariant()
    def no_two_works_have_one_name(self) -> None:
        works = [command.work for command in self.talk.all(Transcribe, Think)]
        assert len(works) == len(set(works))

    @invariant()
    def latencies_add_up(self) -> None:
        for report in self.talk.all(TurnReport):
            latency = report.latency
            parts = latency.endpoint_ms + latency.asr_ms + latency.llm_ms + latency.tts_ms + latency.overhead_ms
            assert parts == latency.total_ms
            assert latency.overhead_ms >= 0

    @invariant()
    def prompts_end_with_the_caller(self) -> None:
        assert all(think.prompt.messages[-1].role == "user" for think in self.talk.all(Think))


AnyConversation.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestAnyConversation = AnyConversation.TestCase


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
