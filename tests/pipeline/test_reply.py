from pipeline.commands import Speak
from pipeline.config import Config
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.memento import NOTHING_TOLD, ReplyDue
from pipeline.ports import Finish, FlowStep, Phrase, Wish
from pipeline.reply import Reply
from pipeline.work import Work
from tests.pipeline.talk import RATE, sound

WORK = Work(3, 7)


def config(*overrides: str) -> Config:
    return load_config(None, overrides, {})


def reply(*overrides: str) -> Reply:
    return Reply(WORK, config(*overrides), Manner("en", RATE), Wish())


def speak(index: int, text: str) -> Speak:
    return Speak(WORK, index, Phrase(text, "en"), RATE, patience_s=0.18)


def test_one_phrase_is_spoken_at_a_time() -> None:
    made = reply()
    assert made.next_phrase(0.0) is None
    made.grow("One.")
    made.grow("Two.")
    assert made.text == "One. Two."
    assert made.next_phrase(0.0) == speak(0, "One.")
    assert made.next_phrase(0.0) is None
    made.speech(0, sound(3, 100), ())
    made.end_phrase(0)
    assert made.next_phrase(0.0) == speak(1, "Two.")


def test_speech_of_another_phrase_is_not_taken() -> None:
    made = reply()
    made.grow("One.")
    made.next_phrase(0.0)
    made.speech(1, sound(3, 100), ())
    made.end_phrase(1)
    assert (made.playout.made, made.next_phrase(0.0)) == (0, None)
    made.end_phrase(0)
    made.speech(0, sound(3, 100), ())
    assert made.playout.made == 0


def test_a_slow_listener_holds_up_synthesis() -> None:
    made = reply("conversation.max_ahead_ms=500", "playout.lead_ms=100", "playout.chunk_ms=50")
    for text in ("One.", "Two."):
        made.grow(text)
    made.next_phrase(0.0)
    made.speech(0, sound(3, 800), ())
    made.end_phrase(0)
    sent = b""
    now = 0.0
    while (phrase := made.next_phrase(now)) is None:
        sent += made.playout.take(now)
        due = made.due()
        assert due is not None
        now = due
    assert phrase == speak(1, "Two.")
    assert round(now, 6) == 0.3


def test_when_all_was_sent_it_says_when_more_may_be_made() -> None:
    made = reply("conversation.max_ahead_ms=300")
    made.grow("One.")
    made.grow("Two.")
    made.next_phrase(0.0)
    made.speech(0, sound(3, 800), ())
    made.end_phrase(0)
    made.playout.take(1.0)
    assert (made.next_phrase(1.0), made.due()) == (None, 1.5)
    assert made.next_phrase(1.5) == speak(1, "Two.")
    assert made.due() is None


def test_it_is_complete_when_its_text_has_ended_and_its_last_phrase_too() -> None:
    made = reply()
    made.grow("One.")
    made.next_phrase(0.0)
    step = FlowStep({"asks": "nothing"}, ends_call=True)
    made.end_text(step, Finish())
    made.close_if_complete()
    assert (made.step, made.playout.all_sent) == (step, False)
    made.end_phrase(0)
    assert made.playout.all_sent is True


def test_a_reply_without_words_is_complete_at_once() -> None:
    made = reply()
    made.end_text(None, Finish())
    made.close_if_complete()
    assert made.playout.heard_out(0.0) is True


def test_given_up_it_is_as_long_as_it_is() -> None:
    made = reply()
    made.grow("One.")
    made.grow("Two.")
    made.next_phrase(0.0)
    made.speech(0, sound(3, 400), ())
    made.give_up("provider_cut", "It was cut.")
    assert (made.next_phrase(0.0), made.failure) == (None, ("provider_cut", "It was cut."))
    assert made.playout.take(0.0) == sound(3, 400)
    assert made.due() == 0.4
    assert made.playout.heard_out(0.4) is True


def test_while_it_is_held_nothing_is_due_even_when_more_may_be_made() -> None:
    made = reply("conversation.max_ahead_ms=300")
    for text in ("One.", "Two."):
        made.grow(text)
    made.next_phrase(0.0)
    made.speech(0, sound(3, 800), ())
    made.end_phrase(0)
    made.playout.take(1.0)
    made.playout.hold(1.2)
    assert (made.next_phrase(5.0), made.due()) == (None, None)


def test_a_word_of_patience_is_spoken_and_is_no_part_of_the_text() -> None:
    made = reply()
    made.fill("One moment.")
    assert made.next_phrase(0.0) == speak(0, "One moment.")
    made.speech(0, sound(3, 500), ())
    made.end_phrase(0)
    made.grow("One moment.")
    assert made.next_phrase(0.0) == speak(1, "One moment.")
    made.speech(1, sound(3, 500), ())
    made.end_phrase(1)
    made.playout.take(0.0)
    assert (made.filled, made.text, made.playout.heard_text(0.5), made.playout.heard_text(1.0)) == (
        True,
        "One moment.",
        "",
        "One moment.",
    )


def begun_elsewhere(*phrases: str, final: bool = False) -> Reply:
    """A reply of which the client knows these phrases from another shard."""
    made = reply()
    text = " ".join(phrases)
    made.told_before(ReplyDue(3, "item", Wish(), None, "", text, phrases, final, None, Finish(), 0, False), NOTHING_TOLD)
    return made


def test_thought_of_again_in_the_same_words_it_has_news_only_where_it_stopped() -> None:
    made = begun_elsewhere("One.", "Two.")
    assert [made.news(phrase) for phrase in ("One.", "Two.", "Three.")] == ["", "", "Three."]


def test_thought_of_again_in_other_words_it_does_not_begin_anew() -> None:
    made = begun_elsewhere("One.", "Two.")
    assert [made.news(phrase) for phrase in ("Uno.", "Dos.", "Tres.")] == ["", "", "Tres."]


def test_a_reply_that_is_known_whole_has_no_news() -> None:
    made = begun_elsewhere("One.", final=True)
    assert [made.news(phrase) for phrase in ("One.", "Two.")] == ["", ""]
