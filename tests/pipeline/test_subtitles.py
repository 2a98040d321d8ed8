import math

import pytest

from pipeline.ports import Transcript, Word
from pipeline.subtitles import Passage, Segment, segment_entries, segments, srt, vtt, whole_text, word_entries


def timed(text: str, gaps: dict[int, float] | None = None, word_s: float = 0.4) -> tuple[Word, ...]:
    """Each word follows the one before, but for the gaps in seconds before some of them."""
    words: list[Word] = []
    now = 0.0
    for number, word in enumerate(text.split()):
        now += (gaps or {}).get(number, 0.0)
        words.append(Word(word, now, now + word_s))
        now += word_s
    return tuple(words)


def heard(text: str, words: tuple[Word, ...] = (), start_s: float = 0.0, confidence: float | None = None) -> Passage:
    return Passage(Transcript(text, "en", confidence, words), start_s, start_s + 20)


def texts(passage: Passage) -> list[str]:
    return [segment.text for segment in segments([passage])]


def test_sentences_are_segments() -> None:
    text = 'Good morning. "How are you?" It costs 3.5 euros!'
    assert texts(heard(text, timed(text))) == ["Good morning.", '"How are you?"', "It costs 3.5 euros!"]


def test_marks_come_from_the_text_where_words_have_none() -> None:
    spoken = timed("well good morning dr meyer how are you")
    assert texts(heard("\u201cWell, good morning.\u201d Dr Meyer, how are you?", spoken)) == [
        "\u201cWell, good morning.\u201d",
        "Dr Meyer, how are you?",
    ]


def test_pauses_part_segments_and_times_count_from_the_start_of_the_recording() -> None:
    passage = heard("one two three four", timed("one two three four", {2: 1.0}), start_s=10.0, confidence=0.5)
    assert segments([passage]) == [
        Segment("one two", 10.0, 10.8, 0.5),
        Segment("three four", pytest.approx(11.8), pytest.approx(12.6), 0.5),
    ]


def test_words_that_do_not_fit_their_text_are_told_themselves() -> None:
    assert texts(heard("2 o'clock.", timed("two o'clock"))) == ["two o'clock"]


def test_no_segment_is_longer_than_a_screen_or_a_breath() -> None:
    spoken = "a rather long line of many words " * 10
    letters = segments([heard(spoken, timed(spoken, word_s=0.05))])
    assert max(len(segment.text) for segment in letters) <= 84
    slow = segments([heard(spoken, timed(spoken, word_s=0.7))])
    assert max(segment.end_s - segment.start_s for segment in slow) <= 7
    assert " ".join(segment.text for segment in slow) == spoken.strip()


def test_a_passage_without_times_is_one_segment() -> None:
    assert segments([heard("Good morning. How are you?", start_s=5.0)]) == [Segment("Good morning. How are you?", 5.0, 25.0)]


def test_silence_is_nothing() -> None:
    silent = heard("")
    assert (whole_text([silent]), segments([silent]), srt([]), vtt([])) == ("", [], "", "WEBVTT\n\n")


def test_the_whole_text_has_no_space_for_what_was_silent() -> None:
    assert whole_text([heard("one"), heard(""), heard("two")]) == "one two"


def test_srt() -> None:
    shown = [Segment("Hello <you> & me", 0.0, 1.25), Segment("bye", 3_725.9996, 3_727.0)]
    assert srt(shown) == ("1\n00:00:00,000 --> 00:00:01,250\nHello <you> & me\n\n2\n01:02:06,000 --> 01:02:07,000\nbye\n\n")


def test_vtt_escapes_what_would_be_a_mark() -> None:
    shown = [Segment("Hello <you> & me -->", 0.0, 1.25)]
    assert vtt(shown) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHello &lt;you&gt; &amp; me --&gt;\n\n"


def test_line_breaks_do_not_end_a_subtitle() -> None:
    assert texts(heard("one\n\ntwo", timed("one two"))) == ["one two"]


def test_entries_of_segments() -> None:
    [entry] = segment_entries([Segment("good morning", 1.23456, 2.0, 0.5)])
    assert entry.pop("compression_ratio") < 1
    assert entry == {
        "id": 0,
        "seek": 123,
        "start": 1.235,
        "end": 2.0,
        "text": "good morning",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(0.5),
        "no_speech_prob": 0.0,
    }


def test_text_that_repeats_itself_packs_well() -> None:
    [entry] = segment_entries([Segment("thank you " * 40, 0, 1)])
    assert (entry["compression_ratio"] > 2.4, entry["avg_logprob"]) == (True, 0.0)


def test_entries_of_words() -> None:
    backwards = Transcript("hello", "en", words=(Word("hello", 0.5, 0.4),))
    assert word_entries(Passage(backwards, 2.0, 3.0).words) == [{"word": "hello", "start": 2.5, "end": 2.5}]
