"""What becomes of a turn when a stage fails."""

from pipeline.commands import Abandon, Speak, Tell
from pipeline.errors import Fault
from pipeline.history import CUT
from pipeline.notices import AudioDone, Failed
from pipeline.ports import Word
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.talk import assistant, in_speaking, in_thinking, in_transcribing, user

TOOK_TOO_LONG = Failed("provider_timeout", "it did not answer in time", Fault.PROVIDER)


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
