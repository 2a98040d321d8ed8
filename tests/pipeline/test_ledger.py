from pipeline.ledger import Ledger, guess
from pipeline.ports import Word

TIMED = (Word("we", 0.0, 0.25), Word("are", 0.25, 0.5), Word("open", 0.5, 0.75), Word("now", 0.75, 1.0))
RATE = 1_000


def ledger(text: str, samples: int, words: tuple[Word, ...] = (), *, ended: bool = True) -> Ledger:
    """One phrase."""
    made = Ledger(RATE)
    made.begin_phrase(text)
    made.add(samples, words)
    if ended:
        made.end_phrase()
    return made


def texts(made: Ledger, *samples: int) -> list[str]:
    return [made.text(one) for one in samples]


def test_a_word_counts_once_half_of_it_was_played() -> None:
    made = ledger("we are open now", 1_000, TIMED)
    assert texts(made, 124, 125, 374, 375, 874, 875) == ["", "we", "we", "we are", "we are open", "we are open now"]


def test_while_a_phrase_is_made_its_words_to_come_are_not_among_those_heard() -> None:
    assert ledger("we are open now", 500, TIMED[:2], ended=False).text(500) == "we are"


def test_an_engine_that_counts_fewer_words_tells_a_share_of_them() -> None:
    halves = (Word("weare", 0.0, 0.4), Word("opennow", 0.4, 1.0))
    assert texts(ledger("we are open now", 1_000, halves), 199, 200, 699, 1_000) == ["", "we are", "we are", "we are open now"]


def test_without_times_words_take_time_as_they_take_letters() -> None:
    assert texts(ledger("one three", 800), 149, 150, 549, 550) == ["", "one", "one", "one three"]


def test_an_open_phrase_without_times_goes_at_the_usual_pace() -> None:
    # Eight letters at fourteen a second are 571 samples.
    assert texts(ledger("one three", 100, ended=False), 107, 108, 392, 393) == ["", "one", "one", "one three"]


def test_audio_that_is_longer_than_the_usual_pace_stretches_an_open_phrase() -> None:
    assert texts(ledger("one three", 800, ended=False), 149, 150, 549) == ["", "one", "one"]


def test_phrases_follow_each_other() -> None:
    made = ledger("we are open", 1_000)
    made.begin_phrase("until five")
    made.add(600, ())
    made.add(400, ())
    made.end_phrase()
    assert made.samples == 2_000
    assert texts(made, 1_000, 1_499, 2_000) == ["we are open", "we are open until", "we are open until five"]


def test_a_phrase_that_is_not_remembered_takes_time_and_no_words() -> None:
    made = ledger("", 500)
    made.begin_phrase("yes")
    made.add(500, ())
    made.end_phrase()
    assert texts(made, 500, 1_000) == ["", "yes"]


def test_a_guess_is_made_at_the_usual_pace() -> None:
    assert [guess("one three", samples, RATE) for samples in (107, 108, 393)] == ["", "one", "one three"]
