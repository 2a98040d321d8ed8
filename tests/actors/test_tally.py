"""What a shard counts of what its conversations tell their clients."""

from typing import Any

import pytest

from actors.tally import Tally, Turn
from pipeline import figures as of
from pipeline.errors import Fault
from pipeline.figures import Report, Spread, values
from pipeline.latency import Latency
from pipeline.loading import load_config
from pipeline.notices import Failed, Heard, Interrupted, Said, TurnReport, WentOn
from pipeline.speculation import Books

STATUS: dict[str, Any] = {
    "conversations": 3,
    "opened": 7,
    "queued_windows": 2,
    "lag_ms": 12.5,
    "loop_lag_ms": 4.0,
    "at_stage": {"asr": 1, "llm": 0, "tts": 2},
}
LATENCY = Latency(200, 20, 100, 30, 10, 360)
REPORT = TurnReport(4, LATENCY, speculated=True, met="ceiling", late=("tts",), did=("tts: said it twice",))


def tally(*overrides: str) -> Tally:
    return Tally(load_config(None, overrides, {}))


def of_tally(tally: Tally, metric: of.Metric) -> dict[tuple[str, ...], float]:
    return values(tally.figures.snapshot(), metric)


def heard(text: str = "hello", confidence: float | None = 0.5) -> Heard:
    return Heard(4, text, True, "en", confidence)


def turns(tally: Tally, after: float = 0.0) -> tuple[Turn, ...]:
    return tally.standing(STATUS, Books(), after).turns


def test_a_turn_is_counted_with_all_its_parts() -> None:
    mine = tally()
    mine.told(1, heard())
    mine.told(1, REPORT)
    snapshot = mine.figures.snapshot()
    assert values(snapshot, of.TURNS) == {("target",): 0, ("ceiling",): 1, ("neither",): 0}
    total = snapshot[of.TURN.name][()]
    assert isinstance(total, Spread)
    assert (sum(total.counts), total.total) == (1, pytest.approx(0.36))
    parts = {labels[0]: series.total for labels, series in snapshot[of.PART.name].items() if isinstance(series, Spread)}
    assert parts == {"endpoint": 0.2, "asr": 0.02, "llm": 0.1, "tts": 0.03, "overhead": 0.01}
    (turn,) = turns(mine)
    assert turn[1:] == (
        4,
        {"endpoint": 200, "asr": 20, "llm": 100, "tts": 30, "overhead": 10},
        360,
        "ceiling",
        True,
        ("tts",),
        ("tts: said it twice",),
        0.463,
        "",
        "",
    )


def test_words_are_kept_only_where_that_is_set() -> None:
    for setting, expected in ((False, ("", "")), (True, ("see you", "Good bye."))):
        mine = tally(f"dashboard.transcripts={setting}")
        mine.told(1, heard("see you"))
        mine.told(1, Said(4, "Good bye.", final=False))
        mine.told(1, REPORT)
        assert turns(mine)[0][-2:] == expected


def test_a_watcher_gets_the_turns_that_it_has_not_seen() -> None:
    mine = tally()
    mine.told(1, REPORT)
    (seen,) = turns(mine)
    assert turns(mine, seen.at) == ()
    mine.told(2, REPORT)
    assert len(turns(mine, seen.at)) == 1
    assert len(turns(mine)) == 2


def test_a_sound_that_was_none_is_told_from_a_caller_who_was_away() -> None:
    mine = tally()
    mine.told(1, WentOn(4, 100))
    mine.went_away(1)
    mine.told(1, WentOn(4, 100))
    mine.told(1, WentOn(4, 200))
    mine.told(1, Interrupted(4, 300, "On Saturday"))
    assert of_tally(mine, of.SOUNDS) == {(): 2}
    assert of_tally(mine, of.INTERRUPTIONS) == {(): 1}


def test_errors_dropped_audio_and_ends() -> None:
    mine = tally()
    mine.told(1, Failed("provider_timeout", "too late", Fault.PROVIDER))
    mine.dropped(1_500)
    mine.ended(1)
    assert of_tally(mine, of.ERRORS) == {("provider_timeout", "provider"): 1}
    assert of_tally(mine, of.DROPPED) == {(): 1.5}
    assert of_tally(mine, of.ENDED) == {(): 1}


def test_the_next_conversation_knows_nothing_of_the_last() -> None:
    mine = tally("dashboard.transcripts=true")
    mine.told(1, heard("a secret"))
    mine.ended(1)
    mine.told(1, REPORT)
    assert (turns(mine)[0].heard, turns(mine)[0].quality) == ("", 0.925)


def test_what_the_shard_keeps_itself_stands_there_too() -> None:
    books = Books(started=3, used=2, discarded=1, calls=9, wasted_calls=2, wasted_s=0.5)
    snapshot = tally().standing(STATUS, books, 0.0).figures
    found = {
        metric.name: values(snapshot, metric)
        for metric in (of.CONVERSATIONS, of.OPENED, of.AUDIO_WAIT, of.LOOP_LAG, of.AT_STAGE, of.PREPARED, of.CALLS, of.WASTED)
    }
    assert found == {
        "parley_conversations": {(): 3},
        "parley_conversations_opened_total": {(): 7},
        "parley_audio_wait_seconds": {(): 0.0125},
        "parley_event_loop_lag_seconds": {(): 0.004},
        "parley_stage_requests": {("asr",): 1, ("llm",): 0, ("tts",): 2},
        "parley_replies_prepared_total": {("used",): 2, ("discarded",): 1},
        "parley_provider_calls_total": {(): 9},
        "parley_provider_wasted_seconds_total": {(): 0.5},
    }


def test_others_are_handed_on_until_they_have_been_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    mine = tally()
    old, new, replica = (Report("gateway", "one", {"a": {(): count}}) for count in (1, 2, 3))
    mine.report(old)
    mine.report(new)
    assert mine.standing(STATUS, Books(), 0.0, [replica]).others == (replica, new)
    now = 116.0
    assert mine.standing(STATUS, Books(), 0.0).others == ()
