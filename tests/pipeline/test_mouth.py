from dataclasses import replace

import pytest

from pipeline import events as on
from pipeline.commands import Abandon, Command, Play, Speak, Tell, Think
from pipeline.errors import Fault
from pipeline.history import History
from pipeline.latency import TurnClock
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.mouth import Mouth, Step
from pipeline.notices import AudioDone, AudioStarted, Failed, Held, Said, TurnReport, Voiced, WentOn
from pipeline.ports import FlowStep, Message, Phrase, Prompt, Wish, Word
from pipeline.speculation import Books
from pipeline.work import Work
from tests.pipeline.talk import RATE, sound

WORK, OTHER = Work(1, 2), Work(1, 3)
PROMPT = Prompt((Message("user", "are you open"),), "en", "clinic", {})
THINK = Think(WORK, PROMPT, 0.42)
FAILED = on.StageFailed(WORK, "provider_cut", "It was cut.", Fault.PROVIDER)
TOLD = Tell(Failed("provider_cut", "It was cut.", Fault.PROVIDER))
SPEAK = Speak(WORK, 0, Phrase("Yes, we are.", "en"), RATE, 0.18)


def mouth(*overrides: str) -> Mouth:
    return Mouth(load_config(None, overrides, {}), Manner("en", RATE), Books(), History(10).new_name)


def preparing(words: str = "are you open") -> Mouth:
    """A reply to these words is prepared, and its first phrase is spoken."""
    made = mouth()
    assert made.prepare(WORK, words, PROMPT, 0.0) == [THINK]
    assert carry_on(made, on.ReplyGrew(WORK, "Yes, we are.", 0.1)) == [SPEAK]
    return made


def speaking(ms: int = 1_000) -> Mouth:
    made = mouth()
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    for event in (on.ReplyGrew(WORK, "Yes, we are.", 0.1), on.ReplyEnded(WORK, FlowStep({}, ends_call=True))):
        carry_on(made, event)
    carry_on(made, on.SpeechMade(WORK, 0, sound(1, ms), (), 0.1))
    carry_on(made, on.PhraseEnded(WORK, 0))
    return made


def carry_on(made: Mouth, event: on.FromReplyStages, now: float = 0.0, clock: TurnClock | None = None) -> list[Command]:
    told = made.take(event, clock, now)
    return told + made.carry_on(clock, now, held=False)[0]


def test_what_is_known_is_said_in_the_voice_of_the_conversation() -> None:
    made = mouth()
    made.manner = replace(made.manner, wish=Wish(instructions="Be brief.", voice="alloy", speed=1.2))
    made.say(WORK, "Good day.", {}, ends_call=False)
    commands, _ = made.carry_on(None, 0.0, held=False)
    assert commands == [Speak(WORK, 0, Phrase("Good day.", "en", "alloy", 1.2), RATE, 0.18)]


# Prepared replies


def test_what_is_prepared_is_neither_told_nor_sent() -> None:
    made = preparing()
    assert carry_on(made, on.SpeechMade(WORK, 0, sound(1, 500), (), 0.1)) == []
    assert carry_on(made, on.ReplyGrew(WORK, "Until five.", 0.2)) == []
    assert carry_on(made, on.PhraseEnded(WORK, 0)) == []
    assert carry_on(made, on.ReplyEnded(WORK, None)) == []
    assert (made.turn, made.began, made.heard(5.0), made.due()) == (None, False, (0, ""), None)


def test_released_for_the_same_words_it_is_the_reply() -> None:
    made = preparing("What's open?")
    carry_on(made, on.SpeechMade(WORK, 0, sound(1, 500), (), 0.1))
    assert made.release("what is open", 1.0) == [Tell(Said(1, "Yes, we are.", final=False))]
    clock = TurnClock(0.5, 1.0)
    commands, step = made.carry_on(clock, 1.0, held=False)
    assert (commands[:2], step) == ([Tell(AudioStarted(1)), Play(sound(1, 500))], Step.BEGAN)
    (report,) = [command.notice for command in commands[2:] if isinstance(command, Tell)]
    assert isinstance(report, TurnReport)
    assert (report.speculated, report.latency.total_ms) == (True, 500)


def test_for_other_words_it_is_not_released() -> None:
    made = preparing("are you open")
    assert made.release("are you open on sunday", 1.0) is None
    assert made.discard(1.5) == [Abandon(WORK)]
    books = made._books
    assert (books.started, books.used, books.discarded) == (1, 0, 1)
    assert (books.calls, books.wasted_calls, books.wasted_s) == (2, 2, 1.5)


def test_a_reply_without_words_yet_is_released_without_a_word() -> None:
    made = mouth()
    made.prepare(WORK, "are you open", PROMPT, 0.0)
    assert made.release("are you open", 1.0) == []
    assert made.turn == 1


def test_one_at_a_time_is_prepared() -> None:
    made = preparing("are you open")
    assert made.prepare(OTHER, "um are you open", PROMPT, 1.0) == []
    assert made.prepare(OTHER, "are you open on sunday", PROMPT, 1.0) == [Abandon(WORK), Think(OTHER, PROMPT, 0.42)]
    assert carry_on(made, on.ReplyGrew(WORK, "Too late.", 0.1)) == []


def test_nobody_needs_to_know_that_a_prepared_reply_failed() -> None:
    made = preparing()
    assert made.fail(FAILED, 1.0) == ([Abandon(WORK)], None)
    assert (made.knows(WORK), made.release("are you open", 1.0)) == (False, None)


# The reply


def test_it_ends_when_it_was_heard() -> None:
    made = speaking()
    assert (made.began, made.ends_call, made.due()) == (True, True, 1.0)
    assert made.carry_on(None, 0.9, held=False) == ([], None)
    assert made.carry_on(None, 1.0, held=False) == ([], Step.HEARD)
    assert [item.complete for item, _ in made.remembered(1.0)] == [True]


def test_a_reply_without_words_is_over_at_once() -> None:
    made = mouth()
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    made.take(on.ReplyEnded(WORK, None), None, 0.0)
    assert made.carry_on(None, 0.0, held=False) == ([], Step.EMPTY)


def test_held_it_waits_and_goes_on() -> None:
    made = speaking(ms=3_000)
    assert made.hold(0.5) == [Tell(Held(1, 500))]
    assert made.carry_on(None, 5.0, held=True) == ([], None)
    assert (made.due(), made.heard(5.0)[0], made.remaining_ms(5.0)) == (None, 500, 2_500)
    assert made.go_on(5.0) == [Tell(WentOn(1, 500))]
    (play,), _ = made.carry_on(None, 5.0, held=False)
    assert isinstance(play, Play)


def test_held_at_its_end_it_tells_its_end_once() -> None:
    made = speaking(ms=500)
    made.hold(0.6)
    assert made.carry_on(None, 0.6, held=True) == ([], None)
    made.go_on(0.7)
    assert made.carry_on(None, 0.7, held=False) == ([], Step.HEARD)


def test_dropped_it_takes_nothing_more() -> None:
    made = speaking()
    assert made.drop(0.5) == [Abandon(WORK)]
    assert carry_on(made, on.SpeechMade(WORK, 0, sound(1, 500), (), 0.1)) == []
    assert (made.turn, made.due(), made.remaining_ms(0.5)) == (None, None, 0)


def test_when_a_stage_fails_what_there_is_will_be_heard() -> None:
    made = speaking()
    assert made.fail(FAILED, 0.5) == ([Abandon(WORK), TOLD], False)
    assert made.carry_on(None, 1.0, held=False)[1] is Step.HEARD


def test_when_a_stage_fails_before_any_sound_there_is_no_reply() -> None:
    made = mouth()
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    assert made.fail(FAILED, 0.5) == ([Abandon(WORK), TOLD], True)
    assert made.turn is None


def test_what_is_known_is_said_phrase_by_phrase() -> None:
    made = mouth()
    text = "Good day. How can I help you?"
    assert made.say(Work(0, 1), text, {}, ends_call=False) == [Tell(Said(0, text, final=True))]
    ((speak,), _) = made.carry_on(None, 0.0, held=False)
    assert speak == Speak(Work(0, 1), 0, Phrase(text, "en"), RATE, 0.18)


# Patience


def test_a_word_of_patience_is_said_once_when_the_model_is_late() -> None:
    made = mouth("budget.filler_after_ms=1000")
    clock = TurnClock(9.5, 10.0)
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    assert made.filler_at(clock) == 11.0
    made.fill(clock, 10.9)
    assert made.carry_on(clock, 10.9, held=False) == ([], None)
    made.fill(clock, 11.0)
    assert made.carry_on(clock, 11.0, held=False)[0] == [Speak(WORK, 0, Phrase("One moment, please.", "en"), RATE, 0.18)]
    assert made.filler_at(clock) is None
    told = carry_on(made, on.SpeechMade(WORK, 0, sound(1, 100), (), 0.1), 11.1, clock)
    (report,) = [one.notice for one in told if isinstance(one, Tell) and isinstance(one.notice, TurnReport)]
    assert (report.late, report.did, report.latency.llm_ms) == (("llm", "tts"), ("llm: said a word of patience",), 1_000)


def test_no_word_of_patience_is_due_once_the_reply_has_words() -> None:
    made = mouth()
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    made.take(on.ReplyGrew(WORK, "Yes.", 0.1), None, 0.0)
    assert made.filler_at(TurnClock(9.5, 10.0)) is None


def test_audio_is_done_when_all_of_it_was_sent() -> None:
    made = mouth()
    made.begin(WORK, PROMPT.wish)
    made.ask(PROMPT)
    told: list[Command] = []
    for event in (
        on.ReplyGrew(WORK, "Yes.", 0.1),
        on.ReplyEnded(WORK, None),
        on.SpeechMade(WORK, 0, sound(1, 300), (), 0.1),
        on.PhraseEnded(WORK, 0),
    ):
        told += carry_on(made, event)
    assert told[-1] == Tell(AudioDone(1, 300))


@pytest.mark.parametrize("shows", [False, True])
def test_where_words_lie_is_told_to_who_wants_to_know(shows: bool) -> None:
    made = mouth()
    made.manner = replace(made.manner, shows_words=shows)
    made.begin(WORK, PROMPT.wish)
    carry_on(made, on.ReplyGrew(WORK, "Yes, we are.", 0.1))
    words = (Word("Yes", 0.0, 0.1), Word("we", 0.1, 0.18), Word("are", 0.2, 0.28))
    told = carry_on(made, on.SpeechMade(WORK, 0, sound(1, 300), words, 0.1))
    marks = [command.notice.marks for command in told if isinstance(command, Tell) and isinstance(command.notice, Voiced)]
    assert marks == ([((50, 1), (150, 2), (250, 3))] if shows else [])
