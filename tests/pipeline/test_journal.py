"""What a gateway keeps of a conversation, and what of a second telling it lets through."""

from pipeline.events import KeyPressed, Played, StopAsked, Typed
from pipeline.journal import Journal, Return, Snapshot
from pipeline.memento import Told
from pipeline.notices import (
    AudioStarted,
    CallerBegan,
    CallGrew,
    Heard,
    Held,
    Interrupted,
    Notice,
    ReplyBegan,
    ReplyEnded,
    Said,
    WentOn,
)

SECOND = bytes(32_000)
FRAME = bytes(640)
RATE = 8_000


def journal(*, position: int = 0, events: int = 0, reply: int | None = None) -> Journal:
    journal = Journal(RATE)
    journal.keep(Snapshot(b"m", position, events, reply))
    return journal


def returns(journal: Journal) -> Return:
    return journal.go_back()[0]


def partial(turn: int, text: str) -> Heard:
    return Heard(turn, text, False, "en", None)


def heard(turn: int, text: str) -> Heard:
    return Heard(turn, text, True, "en", None)


# What the caller says


def test_before_the_first_snapshot_all_is_told_from_the_beginning() -> None:
    journal = Journal(RATE)
    journal.audio(FRAME)
    journal.event(Typed("hello"))
    assert journal.go_back() == (Return(None, 0, Told(again=(0, 320)), 0, ((320, Typed("hello")),)), FRAME)


def test_a_snapshot_lets_go_what_is_in_it() -> None:
    journal = Journal(RATE)
    for number in range(4):
        journal.audio(bytes([number, 0]) * 320)
    journal.event(Typed("one"))
    journal.event(StopAsked())
    journal.keep(Snapshot(b"m", 700, 1))
    back, audio = journal.go_back()
    assert back == Return(b"m", 700, Told(again=(700, 1_280)), 1, ((1_280, StopAsked()),))
    assert audio == b"\x02\x00" * 260 + b"\x03\x00" * 320


def test_audio_is_kept_for_three_minutes_and_its_place_is_known() -> None:
    lasting = journal()
    for _ in range(200):
        lasting.audio(SECOND)
    back, audio = lasting.go_back()
    assert (len(audio), back.position) == (180 * len(SECOND), 20 * 16_000)


def test_one_who_comes_back_through_another_gateway_goes_on_counting() -> None:
    journal = Journal(RATE)
    journal.begin_at(1_000, 5)
    journal.audio(FRAME)
    journal.event(KeyPressed("1"))
    journal.keep(Snapshot(b"m", 1_100, 5))
    back, audio = journal.go_back()
    assert (back.position, len(audio) // 2, back.events) == (1_100, 220, ((1_320, KeyPressed("1")),))


def test_accounts_of_what_was_played_are_not_kept() -> None:
    counted = journal()
    counted.event(Played(100))
    counted.event(StopAsked())
    assert returns(counted).events == ((0, StopAsked()),)


# What the client is told


def told_again(journal: Journal, *notices: Notice) -> list[Notice | bytes | None]:
    journal.go_back()
    return [journal.news(notice) for notice in notices]


def test_what_is_told_a_second_time_is_told_to_nobody() -> None:
    first = [CallerBegan(10), heard(1, "hello"), AudioStarted(1)]
    once = journal()
    assert [once.news(notice) for notice in first] == first
    assert told_again(once, *first, AudioStarted(2)) == [None, None, None, AudioStarted(2)]


def test_nor_a_third_time() -> None:
    once = journal()
    once.news(CallerBegan(10))
    assert told_again(once, CallerBegan(12)) == [None]
    assert told_again(once, CallerBegan(11), CallerBegan(900)) == [None, CallerBegan(900)]


def test_a_snapshot_ends_the_second_telling() -> None:
    once = journal()
    once.news(AudioStarted(1))
    once.go_back()
    once.keep(Snapshot(b"n", 0, 0))
    assert once.news(AudioStarted(1)) == AudioStarted(1)


def test_words_that_are_not_all_known_only_grow() -> None:
    growing = journal()
    told = [growing.news(partial(1, text)) for text in ("what", "what are", "what", "what are", "when", "what are your")]
    assert told == [partial(1, "what"), partial(1, "what are"), None, None, None, partial(1, "what are your")]
    assert growing.news(partial(2, "yes")) == partial(2, "yes")


def test_the_words_of_a_reply_only_grow() -> None:
    growing = journal()
    told = [
        growing.news(Said(1, text, final)) for text, final in (("On", False), ("On", False), ("On it", False), ("On it", True))
    ]
    assert told == [Said(1, "On", False), None, Said(1, "On it", False), Said(1, "On it", True)]
    assert returns(growing).told == Told(turn=1, texts=("On", "On it", "On it"), final=True)


# Its audio


def test_what_was_sent_is_counted_and_what_can_have_been_played() -> None:
    sounding = journal()
    sounding.news(AudioStarted(1))
    sounding.news(bytes(2 * RATE))
    for _ in range(10):
        sounding.audio(FRAME)
    assert returns(sounding).told == Told(again=(0, 3_200), turn=1, sent=RATE, unheard=RATE - RATE // 5)


def test_a_client_that_has_played_all_misses_nothing() -> None:
    sounding = journal()
    sounding.news(AudioStarted(1))
    sounding.news(bytes(2 * RATE))
    sounding.audio(SECOND)
    sounding.audio(SECOND)
    assert returns(sounding).told.unheard == 0


def test_a_reply_that_is_held_goes_on_from_there() -> None:
    sounding = journal()
    sounding.news(AudioStarted(1))
    sounding.news(bytes(2 * RATE))
    sounding.news(Held(1, 300))
    assert returns(sounding).told == Told(turn=1, held_ms=300)
    sounding.news(WentOn(1, 250))
    sounding.news(bytes(1_000))
    assert returns(sounding).told == Told(turn=1, held_ms=250, sent=500, unheard=500)


def test_it_is_held_again() -> None:
    sounding = journal()
    sounding.news(Held(1, 300))
    assert told_again(sounding, Held(1, 300)) == [Held(1, 300)]


def test_what_was_heard_of_an_interrupted_reply_is_kept() -> None:
    sounding = journal()
    sounding.news(AudioStarted(1))
    sounding.news(Interrupted(1, 900, "On Saturday"))
    assert returns(sounding).told == Told(turn=1, heard="On Saturday")


def test_a_reply_that_no_memento_knows_is_sent_again_and_told_to_nobody() -> None:
    sounding = journal()
    sounding.news(AudioStarted(1))
    sounding.news(b"\x01\x00\x02\x00\x03\x00")
    sounding.go_back()
    told = [sounding.news(one) for one in (AudioStarted(1), b"\x01\x00\x02\x00", b"\x03\x00\x04\x00", b"\x05\x00")]
    assert told == [None, None, b"\x04\x00", b"\x05\x00"]
    assert returns(sounding).told.sent == 5


# Replies that cannot be gone on with


def test_a_reply_whose_function_call_was_told_in_part_is_broken() -> None:
    calling = journal()
    calling.news(CallGrew(3, "i", "c", "f", "{", final=False))
    assert returns(calling).told.broken == (3,)


def test_one_whose_call_is_whole_is_not() -> None:
    calling = journal()
    calling.news(CallGrew(3, "i", "c", "f", "{", final=False))
    calling.news(CallGrew(3, "i", "c", "f", "}", final=True))
    assert returns(calling).told.broken == ()


def test_a_reply_aside_is_broken_however_often_it_is_lost() -> None:
    calling = journal()
    calling.news(ReplyBegan(4, "i", aside=True))
    assert returns(calling).told.broken == (4,)
    assert calling.news(ReplyEnded(4, "failed")) == ReplyEnded(4, "failed")
    assert returns(calling).told.broken == (4,)
    assert calling.news(ReplyEnded(4, "failed")) is None


def test_what_follows_an_interrupted_greeting_is_told_though_it_has_the_same_turn() -> None:
    sounding = journal(reply=0)
    first = [AudioStarted(0), Interrupted(0, 900, "Good")]
    assert [sounding.news(notice) for notice in first] == first
    assert told_again(sounding, AudioStarted(0), Interrupted(0, 100, "Sorry")) == [
        AudioStarted(0),
        Interrupted(0, 100, "Sorry"),
    ]


# A snapshot that comes while it is told again


def test_a_snapshot_that_knows_nothing_yet_of_a_reply_is_passed_over() -> None:
    once = journal()
    once.audio(FRAME)
    once.news(AudioStarted(1))
    once.go_back()
    once.keep(Snapshot(b"n", 320, 0, again=True))
    once.advance(320, 0)
    back, audio = once.go_back()
    assert (back.memento, audio) == (b"m", FRAME)
    assert once.news(AudioStarted(1)) is None
    once.keep(Snapshot(b"n", 320, 0, again=True))
    assert returns(once).memento == b"n"


def test_what_is_told_again_after_a_snapshot_stays_known() -> None:
    once = journal()
    for notice in (CallerBegan(10), heard(1, "yes"), CallerBegan(900)):
        once.news(notice)
    assert told_again(once, CallerBegan(10), heard(1, "yes")) == [None, None]
    once.keep(Snapshot(b"n", 0, 0, reply=1, again=True))
    assert returns(once).memento == b"n"
    assert [once.news(CallerBegan(at)) for at in (900, 2_000)] == [None, CallerBegan(2_000)]


def test_so_is_one_that_knows_less_of_a_reply() -> None:
    once = journal()
    once.news(AudioStarted(1))
    once.news(bytes(200))
    once.go_back()
    once.keep(Snapshot(b"n", 0, 0, reply=1))
    assert once.news(AudioStarted(1)) is None
    once.keep(Snapshot(b"n", 0, 0, reply=1))
    assert (once.news(bytes(150)), once.news(bytes(60))) == (None, bytes(10))
    once.keep(Snapshot(b"o", 0, 0, reply=1))
    assert returns(once).memento == b"o"


def test_one_that_failed_while_it_was_told_again_counts_no_more() -> None:
    once = journal()
    once.news(AudioStarted(1))
    once.news(bytes(200))
    assert told_again(once, AudioStarted(1)) == [None]
    once.keep(Snapshot(b"n", 0, 0))
    assert returns(once).memento == b"n"
    assert once.news(bytes(10)) == bytes(10)


def test_a_held_reply_that_no_memento_knows_goes_on_from_where_it_was_held() -> None:
    once = journal()
    once.news(AudioStarted(0))
    once.news(bytes(2 * 800))
    once.news(Held(0, 70))
    assert told_again(once, AudioStarted(0)) == [WentOn(0, 70)]
    assert (once.news(bytes(2 * 560)), once.news(b"\x01\x00")) == (None, b"\x01\x00")


def test_words_of_a_turn_that_are_known_are_not_told_in_part_again() -> None:
    once = journal()
    for notice in (partial(1, "and"), heard(1, "and yes"), partial(2, "and yes what")):
        assert once.news(notice) == notice
    assert told_again(once, partial(1, "and"), heard(1, "and yes")) == [None, None]


def test_what_is_not_heard_again_is_not_told_again() -> None:
    lasting = journal(reply=1)
    for notice in (AudioStarted(1), CallerBegan(10)):
        lasting.news(notice)
    lasting.advance(320, 0)
    assert told_again(lasting, CallerBegan(900)) == [CallerBegan(900)]


def test_speech_that_nobody_listens_to_is_no_turn_elsewhere() -> None:
    once = Journal(RATE)
    for _ in range(3):
        once.audio(FRAME)
    once.keep(Snapshot(b"m", 320, 0, speaking=True))
    assert returns(once).speaking
    once.advance(960, 0)
    assert not returns(once).speaking
