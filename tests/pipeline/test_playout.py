import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Playout as Rules
from pipeline.playout import Playout
from pipeline.ports import Word

RATE = 1_000
"""A sample is a millisecond, so that all numbers below can be read as either."""


def playout(lead_ms: int = 500, chunk_ms: int = 100) -> Playout:
    made = Playout(Rules(lead_ms=lead_ms, chunk_ms=chunk_ms), RATE)
    made.ledger.begin_phrase("")
    return made


def sound(samples: int, first: int = 0) -> bytes:
    """Samples that count up, so that one that is lost, doubled or moved is seen."""
    return b"".join((first + n).to_bytes(2, "little") for n in range(samples))


def playing(samples: int, words: tuple[Word, ...] = (), text: str = "", *, ended: bool = True) -> Playout:
    """All of it was sent at 0 s."""
    made = Playout(Rules(lead_ms=10_000), RATE)
    made.ledger.begin_phrase(text)
    made.add(sound(samples), words)
    if ended:
        made.ledger.end_phrase()
    assert len(made.take(0.0)) == 2 * samples
    return made


# Sending


def test_the_first_sound_leaves_at_once_up_to_the_lead() -> None:
    made = playout()
    made.add(sound(20), ())
    assert made.take(0.0) == sound(20)
    made.add(sound(700, 20), ())
    assert made.take(0.0) == sound(480, 20)
    assert (made.made, made.sent) == (720, 500)


def test_later_audio_leaves_in_chunks_when_there_is_room() -> None:
    made = playout()
    made.add(sound(800), ())
    taken = {ms: len(made.take(ms / 1000)) // 2 for ms in (0, 50, 99, 100, 150, 250, 299, 300)}
    assert taken == {0: 500, 50: 0, 99: 0, 100: 100, 150: 0, 250: 150, 299: 0, 300: 50}


def test_a_little_leaves_at_once_while_there_is_room_for_it() -> None:
    made = playout()
    made.add(sound(450), ())
    made.take(0.0)
    made.add(sound(5, 450), ())
    assert made.take(0.0) == sound(5, 450)
    made.add(sound(60, 455), ())
    assert made.take(0.01) == b""
    assert made.take(0.015) == sound(60, 455)


def test_it_says_when_the_next_chunk_is_due() -> None:
    made = playout()
    made.add(sound(800), ())
    made.take(2.0)
    assert made.due() == 2.1
    assert made.take(2.1) == sound(100, 500)
    assert made.due() == 2.2


def test_it_says_when_all_will_have_been_heard() -> None:
    made = playout()
    made.add(sound(300), ())
    made.take(2.0)
    assert made.due() is None  # more may come
    made.close()
    assert made.due() == 2.3
    assert (made.heard_out(2.299), made.heard_out(2.3)) == (False, True)


@pytest.mark.parametrize(("lead_ms", "chunk_ms"), [(500, 100), (100, 100), (100, 200), (30, 1_000), (1, 1)])
def test_playing_never_pauses_while_there_is_audio_whatever_the_settings(lead_ms: int, chunk_ms: int) -> None:
    made = playout(lead_ms, chunk_ms)
    made.add(sound(900), ())
    made.close()
    made.take(0.0)
    now = 0.0
    while not made.heard_out(now):
        due = made.due()
        assert due is not None
        assert due > now
        now = due
        made.take(now)
    assert round(now, 6) == 0.9


def test_nothing_to_send_is_nothing_to_wait_for() -> None:
    made = playout()
    assert (made.take(0.0), made.due(), made.all_sent, made.heard_ms(5.0), made.heard_text(5.0)) == (b"", None, False, 0, "")
    made.close()
    assert (made.due(), made.all_sent, made.heard_out(0.0)) == (None, True, True)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300)), max_size=30),
    st.sampled_from([(500, 100), (100, 100), (250, 200)]),
)
def test_what_is_taken_is_what_was_added_and_never_beyond_the_lead(
    steps: list[tuple[int, int]], rules: tuple[int, int]
) -> None:
    lead_ms, chunk_ms = rules
    made = playout(lead_ms, chunk_ms)
    added = taken = b""
    now = 0
    for samples, pause_ms in steps:
        chunk = sound(samples, len(added) // 2)
        made.add(chunk, ())
        added += chunk
        taken += made.take(now / 1000)
        assert made.sent - made.heard(now / 1000) <= lead_ms
        now += pause_ms
    made.close()
    while not made.all_sent:
        due = made.due()
        assert due is not None
        now = max(now, round(due * 1000))
        taken += made.take(now / 1000)
        assert made.sent - made.heard(now / 1000) <= lead_ms
    assert taken == added
    assert (made.sent, made.made) == (len(added) // 2, len(added) // 2)


# Hearing


def test_playing_begins_when_audio_arrives_and_pauses_when_it_runs_out() -> None:
    made = playing(300)
    assert [made.heard(at) for at in (0.0, 0.1, 0.3, 0.7)] == [0, 100, 300, 300]
    made.ledger.begin_phrase("")
    made.add(sound(200), ())
    made.take(1.0)
    assert [made.heard(at) for at in (1.0, 1.1, 1.2, 5.0)] == [300, 400, 500, 500]
    assert (made.ahead_ms(1.05), made.heard_ms(1.05)) == (150, 350)


def test_what_the_client_says_goes_over_what_the_clock_says() -> None:
    made = playing(1_000)
    assert made.reported is False
    made.played(100, 0.5)
    assert made.reported is True
    assert [made.heard(at) for at in (0.5, 0.6, 1.4, 9.0)] == [100, 200, 1_000, 1_000]
    made.played(700, 0.7)
    assert made.heard(0.7) == 700


def test_a_client_cannot_have_played_what_was_not_sent_nor_less_than_before() -> None:
    made = playing(1_000)
    made.played(400, 0.5)
    made.played(100, 0.6)
    assert made.heard(0.6) == 400
    made.played(5_000, 0.7)
    assert made.heard(0.7) == 1_000


def test_a_report_before_any_sound_belongs_to_another_reply() -> None:
    made = playout()
    made.played(400, 0.1)
    made.add(sound(1_000), ())
    assert (made.reported, len(made.take(0.2)) // 2, made.heard(0.2)) == (False, 500, 0)


def test_a_client_that_plays_slowly_is_sent_less() -> None:
    made = playout()
    made.add(sound(2_000), ())
    made.take(0.0)
    made.played(50, 1.0)
    assert (made.take(1.0), made.due()) == (b"", 1.05)
    assert len(made.take(1.05)) // 2 == 100


# Holding


def held(samples: int, at_ms: int, lead_ms: int = 500) -> Playout:
    """All of it was made, what fits was sent at 0 s, and it was held later."""
    made = playout(lead_ms)
    made.add(sound(samples), ())
    for ms in range(0, at_ms + 1, 10):
        made.take(ms / 1000)
    made.hold(at_ms / 1000)
    return made


def test_held_it_sends_nothing_and_wants_nothing() -> None:
    made = held(2_000, 300)
    made.close()
    assert (made.take(9.0), made.due(), made.heard(9.0), made.heard_out(9.0)) == (b"", None, 300, False)


def test_it_goes_on_where_it_was_heard() -> None:
    made = held(2_000, 300)
    made.go_on()
    assert made.take(4.0) == sound(500, 300)
    assert (made.heard(4.0), made.heard(4.1)) == (300, 400)
    assert made.take(4.1) == sound(100, 800)


def test_what_was_heard_to_the_end_has_nothing_to_go_on_with() -> None:
    made = held(200, 300)
    made.close()
    assert made.all_sent is True
    made.go_on()
    assert (made.take(4.0), made.heard_out(4.0)) == (b"", True)


@pytest.mark.parametrize(("says_ms", "goes_on_at"), [(250, 250), (420, 420), (5_000, 800), (0, 0)])
def test_a_client_knows_best_where_it_stopped(says_ms: int, goes_on_at: int) -> None:
    made = held(2_000, 300)
    made.played(says_ms, 0.35)
    assert made.heard(9.0) == goes_on_at
    made.go_on()
    assert made.take(4.0)[:2] == sound(1, goes_on_at)


def test_no_more_is_sent_again_than_is_kept() -> None:
    made = held(5_000, 3_000)
    made.played(0, 3.0)  # it says that it has played nothing for three seconds
    assert 1_000 <= made.sent - made.heard(3.0) <= 1_500
    made.go_on()
    assert made.take(4.0)[:2] == sound(1, made.heard(4.0))


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.integers(0, 200)), max_size=20), st.sampled_from([200, 500]))
def test_held_and_gone_on_with_any_number_of_times_it_is_heard_once(steps: list[tuple[int, bool, int]], lead_ms: int) -> None:
    made = playout(lead_ms)
    made.add(sound(3_000), ())
    made.close()
    heard = b""
    arrived = b""
    now = 0
    for pause_ms, hold, silent_ms in steps:
        arrived += made.take(now / 1000)
        now += pause_ms
        if hold:
            made.hold(now / 1000)
            heard, arrived = sound(made.heard(now / 1000)), b""
            now += silent_ms
            made.go_on()
            assert made.heard(now / 1000) == len(heard) // 2
    while not made.heard_out(now / 1000):
        arrived += made.take(now / 1000)
        now += 10
    assert heard + arrived == sound(3_000)


# Words


def test_words_are_heard_when_half_of_them_was_played() -> None:
    words = (Word("We", 0.0, 0.2), Word("are", 0.2, 0.4), Word("open.", 0.4, 1.0))
    made = playing(1_000, words, "We are open.")
    heard = {ms: made.heard_text(ms / 1000) for ms in (0, 99, 101, 299, 301, 699, 701, 1_000)}
    one, two = "We", "We are"
    assert heard == {
        0: "",
        99: "",
        101: one,
        299: one,
        301: two,
        699: two,
        701: "We are open.",
        1_000: "We are open.",
    }


def test_without_times_words_take_time_as_they_take_letters() -> None:
    made = playing(1_000, text="We are open.")  # 2, 3 and 5 letters: "are" is half said at 350 ms
    heard = {ms: made.heard_text(ms / 1000) for ms in (0, 90, 110, 340, 360, 740, 760, 1_000)}
    assert heard == {
        0: "",
        90: "",
        110: "We",
        340: "We",
        360: "We are",
        740: "We are",
        760: "We are open.",
        1_000: "We are open.",
    }


def test_an_engine_may_count_words_in_its_own_way() -> None:
    words = (Word("twenty", 0.0, 0.4), Word("twenty", 0.4, 0.8), Word("six", 0.8, 1.0))
    made = playing(1_000, words, "In 2026")
    assert {ms: made.heard_text(ms / 1000) for ms in (100, 500, 700)} == {100: "", 500: "In", 700: "In"}


def test_a_phrase_that_is_still_being_made_was_not_heard_to_its_end() -> None:
    words = (Word("We", 0.0, 0.2), Word("are", 0.2, 0.4))
    assert playing(400, words, "We are open from nine.", ended=False).heard_text(5.0) == "We are"
    # 18 letters take 1.3 s at the usual pace: "are" is half said after a quarter of a second, "open" at 0.5 s.
    assert playing(400, text="We are open from nine.", ended=False).heard_text(5.0) == "We are"


def test_phrases_are_heard_one_after_the_other() -> None:
    made = Playout(Rules(lead_ms=10_000), RATE)
    for text in ("One.", "Two and three.", "Four."):
        made.ledger.begin_phrase(text)
        made.add(sound(300), ())
        made.ledger.end_phrase()
    made.take(0.0)
    heard = [made.heard_text(at) for at in (0.1, 0.3, 0.45, 0.6, 0.9)]
    assert heard == ["", "One.", "One. Two and", "One. Two and three.", "One. Two and three. Four."]


def test_it_says_where_words_lie_in_what_was_sent_last() -> None:
    words = (Word("We", 0.0, 0.2), Word("are", 0.25, 0.5), Word("open", 0.5, 0.9))
    made = playing(1_000, words, "We are open")
    assert made.marks(1_000) == ((100, 1), (400, 2), (700, 3))
    assert made.marks(500) == ((700, 3),)
    assert made.marks(100) == ()


def test_it_says_when_less_will_be_ahead() -> None:
    made = playing(900)
    assert made.ahead_only(200) == 0.7
    assert made.ahead_ms(0.7) == 200


def test_it_is_held_at_a_whole_millisecond_so_that_what_is_told_is_exact() -> None:
    made = Playout(Rules(lead_ms=1_000), 24_000)
    made.ledger.begin_phrase("hello")
    made.add(bytes(2 * 24_000), ())
    made.close()
    made.take(0.0)
    made.hold(0.50030)
    assert made.heard(0.6) == 12_000
    assert made.heard_ms(0.6) == 500
