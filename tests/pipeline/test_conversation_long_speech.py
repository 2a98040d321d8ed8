"""Long speech is transcribed in pieces while it goes on."""

from pipeline import events as on
from pipeline.commands import Abandon, Tell, Think, Transcribe
from pipeline.errors import Fault
from pipeline.notices import CallerStopped, Failed, Heard
from pipeline.ports import Prompt
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.talk import TAIL, Talk, in_hearing, user

TOOK_TOO_LONG = Failed("provider_timeout", "it did not answer in time", Fault.PROVIDER)


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
