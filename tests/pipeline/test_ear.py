import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Config
from pipeline.ear import Ear
from pipeline.events import AudioDropped, PieceDue, SpeechBegan, SpeechEnded, SpeechGrew, SpeechPaused, SpeechResumed
from pipeline.loading import load_config
from pipeline.ports import Samples

HOP = 512
FRAME = 320
"""20 ms at 16 kHz, as clients send it."""


def config(*overrides: str) -> Config:
    """Without looks at speech that goes on, unless a test wants them."""
    usual = ("turn.silence_ms=160", "turn.pause_ms=96", "turn.prefix_padding_ms=100", "interruption.look_ms=1000000")
    return load_config(None, [*usual, *overrides], {})


class Listening:
    """An ear that hears frames of 20 ms, and whose detector knows where speech is."""

    def __init__(self, *overrides: str, loud: tuple[tuple[int, int], ...] = ()) -> None:
        self.ear = Ear(config(*overrides))
        self.loud = loud
        """Where there is speech, in milliseconds."""
        self.said: list[object] = []
        self.needed_from: int | None = None
        self.piece_under_way = False
        self.samples = 0
        self.judged = 0
        self.most_held_ms = 0

    def hear(self, ms: int, frame: int = FRAME) -> None:
        for _ in range(ms * 16 // frame):
            dropped = self.ear.hear(numbered(self.samples, frame), self.samples / 16_000)
            self.samples += frame
            if dropped is not None:
                self.said.append(dropped)
            while (window := self.ear.next_window()) is not None:
                assert len(window) == 512 or len(window) == 1024
                middle_ms = (self.judged + 256) / 16
                self.judged += HOP
                speech = any(begin <= middle_ms < end for begin, end in self.loud)
                event = self.ear.judge(0.9 if speech else 0.1, piece_under_way=self.piece_under_way)
                if event is not None:
                    self.said.append(event)
                if isinstance(event, SpeechBegan):
                    self.needed_from = event.at
                self.ear.hold_from(self.needed_from)
            self.most_held_ms = max(self.most_held_ms, self.ear.held_ms)


def numbered(start: int, length: int) -> Samples:
    return (np.arange(start, start + length) % 30_000).astype(np.int16)


def test_speech_is_found_with_its_padding_and_when_it_was_heard() -> None:
    listening = Listening(loud=((1_000, 2_000),))
    listening.hear(3_000)
    began, paused, ended = listening.said
    # The windows whose middles lie in it are 31 to 61: from 992 ms to 1,984 ms, less half of the last.
    assert began == SpeechBegan(31 * HOP - 1_600)
    assert isinstance(paused, SpeechPaused)
    assert paused.at == 61 * HOP + 256
    assert ended == SpeechEnded(61 * HOP + 256, pytest.approx((61 * HOP + 256) / 16_000, abs=0.021))
    assert np.array_equal(listening.ear.cut(began.at, ended.at), numbered(began.at, ended.at - began.at))


def test_the_beginning_of_a_conversation_has_no_padding() -> None:
    listening = Listening(loud=((0, 500),))
    listening.hear(200)
    assert listening.said == [SpeechBegan(0)]


def test_padding_does_not_reach_into_the_turn_before() -> None:
    listening = Listening("turn.prefix_padding_ms=1000", loud=((1_000, 2_000), (2_300, 3_000)))
    listening.hear(3_500)
    first_began, _, first_ended, second_began, _, _ = listening.said
    assert first_began == SpeechBegan(0)
    assert second_began == SpeechBegan(first_ended.at)


def test_half_overlapping_windows_work_as_well() -> None:
    listening = Listening("vad.window=1024", "vad.overlap=0.5", loud=((1_000, 2_000),))
    listening.judged = HOP  # the first window's new part is its second half
    listening.hear(3_000)
    began, _, ended = listening.said
    assert (began.at, ended.at) == (31 * HOP - 1_600, 61 * HOP + 256)


def test_long_speech_is_sent_off_at_a_pause_once_there_is_enough() -> None:
    rules = ("buffering.flush_ms=2000", "turn.silence_ms=500")
    listening = Listening(*rules, loud=((0, 1_000), (1_250, 3_000), (3_250, 9_000)))
    listening.hear(6_000)
    began, paused, resumed, piece, resumed_again = listening.said
    assert began == SpeechBegan(0)
    # Not in the first pause, where it was a second; in the second, as soon as it is one.
    assert (type(paused), type(resumed), type(resumed_again)) == (SpeechPaused, SpeechResumed, SpeechResumed)
    assert isinstance(piece, PieceDue)
    assert 3_096 <= piece.stop / 16 <= 3_150
    assert piece.pause is not None
    assert 2_968 <= piece.pause.at / 16 <= 3_032


def test_long_speech_without_a_pause_is_sent_off_by_count() -> None:
    listening = Listening("buffering.flush_chunks=100", "buffering.min_ms=1500", loud=((0, 60_000),))
    listening.hear(5_000)
    pieces = [piece.stop // FRAME for piece in listening.said[1:]]
    # Speech is known after 96 ms; chunks count from there, and each time from the last piece.
    assert len(pieces) == 2
    assert 100 <= pieces[0] <= 110
    assert 100 <= pieces[1] - pieces[0] <= 102


def test_while_a_piece_is_under_way_no_other_leaves_before_the_emergency_mark() -> None:
    listening = Listening("buffering.flush_chunks=100", "buffering.emergency_chunks=300", loud=((0, 60_000),))
    listening.piece_under_way = True
    listening.hear(7_000)
    pieces = [piece.stop // FRAME for piece in listening.said[1:]]
    assert len(pieces) == 1
    assert 300 <= pieces[0] <= 310


def test_past_the_emergency_mark_twice_the_oldest_audio_is_dropped_and_told() -> None:
    # Twice 100 chunks are 4 s.
    listening = Listening("buffering.flush_chunks=50", "buffering.emergency_chunks=100", loud=((0, 60_000),))
    listening.piece_under_way = True
    listening.hear(10_000)
    drops = [dropped.ms for dropped in listening.said if isinstance(dropped, AudioDropped)]
    assert drops == [420] + [420] * (len(drops) - 1)
    assert 6_000 <= sum(drops) <= 6_500
    assert listening.ear.held_ms <= 4_000
    newest = listening.samples
    assert np.array_equal(listening.ear.cut(newest - 16_000, newest), numbered(newest - 16_000, 16_000))


def test_an_hour_of_silence_takes_no_memory() -> None:
    listening = Listening()
    listening.hear(3_600_000, frame=8_000)
    assert listening.said == []
    assert listening.most_held_ms < 3_000


def test_after_a_turn_its_audio_is_let_go() -> None:
    listening = Listening(loud=((1_000, 60_000),))
    listening.hear(61_000)
    assert listening.ear.held_ms > 59_000
    listening.needed_from = None
    listening.hear(1_000)
    assert listening.ear.held_ms < 3_000


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(200, 1_500), st.integers(0, 1_500)), min_size=1, max_size=6),
    st.sampled_from([160, 320, 441, 512, 4_000]),
    st.booleans(),
)
def test_what_is_said_does_not_depend_on_how_audio_arrives(turns: list[tuple[int, int]], frame: int, overlapping: bool) -> None:
    overrides = ("vad.window=1024", "vad.overlap=0.5") if overlapping else ()
    at = 600
    loud: list[tuple[int, int]] = []
    for silence_ms, speech_ms in turns:
        loud.append((at + silence_ms, at + silence_ms + speech_ms))
        at += silence_ms + speech_ms
    said: list[list[object]] = []
    for size in (FRAME, frame):
        listening = Listening(*overrides, loud=tuple(loud))
        listening.judged = HOP if overlapping else 0
        listening.hear(at + 600, frame=size)
        said.append([event for event in listening.said if not isinstance(event, SpeechEnded)])
        places = [(type(event), event.at) for event in listening.said if isinstance(event, SpeechBegan | SpeechEnded)]
        said.append(places)
        for (_, begin), (_, end) in zip(places[::2], places[1::2], strict=False):
            # Everything from the last beginning on is still there.
            if begin == listening.needed_from:
                assert np.array_equal(listening.ear.cut(begin, end), numbered(begin, end - begin))
        assert all(now[1] <= then[1] for now, then in itertools.pairwise(places))
    assert said[:2] == said[2:]


def test_speech_that_goes_on_is_looked_at_now_and_then() -> None:
    listening = Listening("interruption.look_ms=320", "turn.silence_ms=5000", loud=((1_000, 2_000),))
    listening.hear(2_000)
    looks = [grown.upto for grown in listening.said if isinstance(grown, SpeechGrew)]
    began = 31 * HOP
    assert looks == [began + 10 * HOP, began + 20 * HOP, began + 30 * HOP]
    listening.hear(1_000)
    assert looks == [grown.upto for grown in listening.said if isinstance(grown, SpeechGrew)]


def test_a_pause_that_is_long_enough_by_now_ends_speech_at_once() -> None:
    listening = Listening("turn.silence_ms=2000", loud=((1_000, 2_000),))
    listening.hear(2_400)
    assert listening.ear.need_silence(1_500) is None
    ended = listening.ear.need_silence(250)
    assert ended == SpeechEnded(61 * HOP + 256, pytest.approx((61 * HOP + 256) / 16_000, abs=0.021))
    assert listening.ear.need_silence(250) is None
    listening.hear(1_000)
    assert [type(event) for event in listening.said] == [SpeechBegan, SpeechPaused]


def test_a_short_pause_is_told_with_its_length() -> None:
    listening = Listening("turn.silence_ms=500", loud=((1_000, 2_000), (2_300, 3_000)))
    listening.hear(2_900)
    (resumed,) = [event for event in listening.said if isinstance(event, SpeechResumed)]
    assert resumed.after_ms == pytest.approx(300, abs=48)


def test_what_nobody_needs_is_let_go_before_anything_that_somebody_does() -> None:
    listening = Listening("buffering.flush_chunks=60", "buffering.emergency_chunks=60", loud=((0, 60_000),))
    listening.hear(2_000)
    listening.needed_from = 2_000 * 16
    listening.hear(2_000)
    assert not any(isinstance(event, AudioDropped) for event in listening.said)
    assert np.array_equal(listening.ear.cut(32_000, 64_000), numbered(32_000, 32_000))
    assert listening.ear.held_ms <= 2_400
