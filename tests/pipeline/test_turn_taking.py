import pytest

from pipeline.config import Turn
from pipeline.ports import Transcript, Word
from pipeline.turn_taking import TurnTaking

EXPECTED = ("Are you open on Saturday?",)
COMPLETE, OPEN, PLAIN = "are you open on saturday", "i need an appointment and", "a large box of tea"


class Vote:
    """A model that is sure of itself."""

    def __init__(self, vote: float) -> None:
        self._vote = vote

    def completeness(self, text: str, language: str) -> float:
        return self._vote


def silence(text: str, taking: TurnTaking | None = None, confidence: float | None = 1.0, **rules: object) -> int:
    taking = taking or TurnTaking(Turn.model_validate(rules))
    taking.words(text, Transcript(text, "en", confidence), "en", EXPECTED)
    return taking.silence_ms


def test_a_fixed_silence_listens_to_no_words() -> None:
    rules = {"detection": "server_vad", "silence_ms": 400}
    assert [silence(text, **rules) for text in (COMPLETE, OPEN, "")] == [400, 400, 400]


def test_complete_words_need_less_and_open_ones_more() -> None:
    assert silence(COMPLETE) < silence(PLAIN) < silence(OPEN)
    assert silence(COMPLETE) >= Turn().shortest_silence_ms
    assert silence(OPEN) <= Turn().longest_silence_ms


def test_how_complete_the_words_look_is_told() -> None:
    taking = TurnTaking(Turn())
    complete = [taking.words(text, Transcript(text, "en", 1.0), "en", EXPECTED) for text in (OPEN, PLAIN, COMPLETE)]
    assert complete == sorted(complete)
    assert complete[0] < 0.5 < complete[2]


@pytest.mark.parametrize("text", [COMPLETE, OPEN, PLAIN])
def test_an_eager_server_waits_less_and_a_patient_one_more(text: str) -> None:
    low, medium, high, auto = (silence(text, eagerness=eagerness) for eagerness in ("low", "medium", "high", "auto"))
    assert high < medium == auto < low


@pytest.mark.parametrize(("eagerness", "ceiling_ms"), [("low", 8_000), ("medium", 4_000), ("high", 2_000), ("auto", 4_000)])
def test_no_silence_is_longer_than_its_ceiling(eagerness: str, ceiling_ms: int) -> None:
    assert silence(OPEN, eagerness=eagerness, longest_silence_ms=60_000) == ceiling_ms


def test_no_silence_is_shorter_than_a_pause() -> None:
    assert silence(COMPLETE, shortest_silence_ms=1, pause_ms=96) == 96


def test_what_the_words_said_is_forgotten_when_speech_goes_on() -> None:
    taking = TurnTaking(Turn())
    usual = taking.silence_ms
    silence(OPEN, taking)
    taking.no_words()
    first = taking.silence_ms
    silence(COMPLETE, taking)
    taking.went_on(150)
    assert silence(OPEN) > first >= usual
    assert taking.silence_ms != silence(COMPLETE)


def test_who_makes_long_pauses_is_granted_more() -> None:
    hasty, slow = TurnTaking(Turn()), TurnTaking(Turn())
    for _ in range(8):
        hasty.went_on(120)
        slow.went_on(650)
    assert silence(COMPLETE, hasty) <= silence(COMPLETE) < silence(COMPLETE, slow)


def test_a_model_has_a_vote_and_no_more() -> None:
    no, yes = TurnTaking(Turn(), Vote(0.0)), TurnTaking(Turn(), Vote(1.0))
    assert silence(COMPLETE, yes) <= silence(COMPLETE) < silence(COMPLETE, no)
    assert silence(OPEN, yes) < silence(OPEN)


def test_words_that_the_recogniser_doubts_make_nothing_complete() -> None:
    assert silence(COMPLETE, confidence=0.3) > silence(COMPLETE)
    assert silence(COMPLETE, confidence=None) == silence(COMPLETE)
    assert silence(OPEN, confidence=0.3) == silence(OPEN)


def test_speech_without_words_after_a_complete_sentence_is_no_end() -> None:
    taking = TurnTaking(Turn())
    taking.words(COMPLETE, Transcript("", "en", 0.0), "en", EXPECTED)
    assert taking.silence_ms == Turn().silence_ms


def paused(lowering: float | None, text: str = "", **rules: object) -> int:
    taking = TurnTaking(Turn.model_validate(rules))
    taking.paused(lowering)
    return silence(text, taking) if text else taking.silence_ms


def test_a_low_voice_ends_sooner_where_words_tell_nothing() -> None:
    assert [paused(lowering) for lowering in (None, 6.0, 3.5, 0.0, -6.0)] == [500, 375, 375, 600, 600]
    assert paused(2.5) < paused(1.5)
    assert [paused(lowering, melody=False) for lowering in (0.0, 6.0)] == [500, 500]
    assert [paused(lowering, detection="server_vad", silence_ms=300) for lowering in (0.0, 6.0)] == [300, 300]


def test_a_voice_says_little_where_words_are_sure() -> None:
    assert paused(0.0, COMPLETE) == paused(6.0, COMPLETE) == 250
    assert paused(6.0, OPEN) > 900


def test_what_the_voice_said_holds_for_one_pause() -> None:
    taking = TurnTaking(Turn())
    taking.paused(6.0)
    taking.went_on(200)
    assert taking.silence_ms == 500


def test_a_few_short_pauses_do_not_make_the_server_hasty() -> None:
    taking = TurnTaking(Turn())
    for _ in range(4):
        taking.went_on(150)
    assert taking.silence_ms == 500
    for _ in range(4):
        taking.went_on(150)
    assert taking.silence_ms == 400


def test_a_voice_that_falls_needs_less_and_one_that_stays_needs_more() -> None:
    def after(lowering: float | None, text: str = PLAIN, **rules: object) -> int:
        taking = TurnTaking(Turn.model_validate(rules))
        taking.paused(lowering)
        return silence(text, taking)

    assert after(5.0) < after(None) < after(0.0)
    assert after(None) == silence(PLAIN)
    assert after(5.0, melody=False) == after(0.0, melody=False) == silence(PLAIN)
    assert after(5.0, OPEN) > after(0.0, COMPLETE)


def test_the_voice_is_heard_before_the_words_are_known() -> None:
    taking = TurnTaking(Turn())
    usual = taking.silence_ms
    taking.paused(5.0)
    assert taking.silence_ms < usual
    taking.went_on(150)
    assert taking.silence_ms == usual


@pytest.mark.parametrize(
    ("begins_s", "ends_s", "spoken_s", "heard"),
    [
        (1.0, 1.5, 1.5, True),
        (1.0, 1.5, 1.4, True),
        (1.0, 1.5, 1.7, True),
        (1.4, 1.6, 1.5, False),
        (1.5, 1.7, 1.45, False),
        (1.0, 1.5, 1.8, False),
    ],
)
def test_a_last_word_needs_its_time_and_no_sound_after_it(begins_s: float, ends_s: float, spoken_s: float, heard: bool) -> None:
    taking = TurnTaking(Turn())
    words = (Word("on", 0.8, 1.0), Word("saturday", begins_s, ends_s))
    taking.words(COMPLETE, Transcript(COMPLETE, "en", 0.99, words), "en", EXPECTED, spoken_s)
    assert taking.silence_ms == (250 if heard else 500)
