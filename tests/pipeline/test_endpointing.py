import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Turn
from pipeline.endpointing import Began, Change, Ended, Endpointer, Paused, Resumed

HOP = 512
"""32 ms at 16 kHz."""
YES, MAYBE, NO = 0.9, 0.4, 0.1
"""Speech; what is neither; silence."""


def heard(
    probabilities: list[float], *, window: int = HOP, min_speech_ms: int = 96, silence_ms: int = 160
) -> dict[int, Change]:
    """What was said after which window."""
    endpointer = Endpointer(Turn(min_speech_ms=min_speech_ms, silence_ms=silence_ms, pause_ms=96), HOP, window)
    said = {number: endpointer.push(probability) for number, probability in enumerate(probabilities)}
    return {number: what for number, what in said.items() if what is not None}


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([], {}),
        ([NO] * 20, {}),
        ([MAYBE] * 20, {}),
        # A beginning is where speech began, three windows before it is believed.
        ([NO, NO, YES, YES, YES, YES], {4: Began(2 * HOP)}),
        ([YES, YES, NO, NO, YES, YES, NO], {}),
        ([YES, NO, YES, YES, YES], {4: Began(2 * HOP)}),
        # A wavering window within a beginning does not start it anew; many do.
        ([YES, MAYBE, YES], {2: Began(0)}),
        ([YES, MAYBE, MAYBE, YES], {3: Began(0)}),
        ([YES, *[MAYBE] * 30, YES, YES, YES], {33: Began(31 * HOP)}),
        ([MAYBE, MAYBE, YES, YES, YES], {4: Began(2 * HOP)}),
        # A pause and an end are in the middle of the last window with speech, known three and five windows of silence later.
        ([YES] * 4 + [NO] * 2, {2: Began(0)}),
        ([YES] * 4 + [NO] * 4, {2: Began(0), 6: Paused(3 * HOP + 256)}),
        ([YES] * 4 + [NO] * 5, {2: Began(0), 6: Paused(3 * HOP + 256), 8: Ended(3 * HOP + 256)}),
        # Once speaking, what is neither counts as speech, and silence is counted anew.
        ([YES] * 4 + [MAYBE] * 20, {2: Began(0)}),
        ([YES] * 4 + [NO] * 2 + [MAYBE] + [NO] * 2, {2: Began(0)}),
        # Two windows of speech end a pause, which was as long as the silence between.
        (
            [YES] * 4 + [NO] * 4 + [MAYBE] * 2 + [NO] * 5,
            {2: Began(0), 6: Paused(3 * HOP + 256), 9: Resumed(144), 12: Paused(9 * HOP + 256), 14: Ended(9 * HOP + 256)},
        ),
        # One does not, and it makes no silence longer.
        ([YES] * 4 + [NO] * 3 + [YES] + [NO], {2: Began(0), 6: Paused(3 * HOP + 256), 8: Ended(3 * HOP + 256)}),
        # And again.
        (
            [YES] * 3 + [NO] * 6 + [YES] * 3,
            {2: Began(0), 5: Paused(2 * HOP + 256), 7: Ended(2 * HOP + 256), 11: Began(9 * HOP)},
        ),
    ],
)
def test_where_speech_begins_and_ends(probabilities: list[float], expected: dict[int, Change]) -> None:
    assert heard(probabilities) == expected


def test_without_a_least_length_the_first_window_is_a_beginning() -> None:
    assert heard([NO, YES], min_speech_ms=0) == {1: Began(HOP)}


def test_windows_that_overlap_count_for_their_new_part() -> None:
    assert heard([NO, YES, YES, YES, *[NO] * 6], window=2 * HOP) == {
        3: Began(2 * HOP),
        6: Paused(4 * HOP + 256),
        8: Ended(4 * HOP + 256),
    }


def endpointer(probabilities: list[float]) -> Endpointer:
    made = Endpointer(Turn(silence_ms=500, pause_ms=96), HOP, HOP)
    for probability in probabilities:
        made.push(probability)
    return made


def test_it_knows_how_long_speech_has_lasted() -> None:
    assert (endpointer([NO, YES, YES, YES]).spoken, endpointer([NO, NO]).spoken) == (3 * HOP, 0)


def test_less_silence_may_be_enough_all_of_a_sudden() -> None:
    paused = endpointer([YES] * 3 + [NO] * 6)
    assert paused.settle() is None
    paused.silence = 6 * HOP
    assert paused.settle() == Ended(2 * HOP + 256)
    assert (paused.speaking, paused.settle()) == (False, None)


def test_more_silence_may_be_needed_all_of_a_sudden() -> None:
    paused = endpointer([YES] * 3 + [NO] * 6)
    paused.silence = 40 * HOP
    assert [paused.push(NO) for _ in range(33)] == [None] * 33
    assert paused.push(NO) == Ended(2 * HOP + 256)


def test_speech_that_has_not_paused_cannot_be_over() -> None:
    speaking = endpointer([YES] * 3 + [NO] * 2)
    speaking.silence = 0
    assert speaking.settle() is None


@settings(deadline=None)
@given(st.lists(st.sampled_from([YES, 0.5, MAYBE, 0.35, 0.34, NO]), max_size=200), st.integers(0, 300), st.integers(1, 400))
def test_beginnings_pauses_and_ends_follow_each_other(probabilities: list[float], min_speech_ms: int, silence_ms: int) -> None:
    said = heard(probabilities, min_speech_ms=min_speech_ms, silence_ms=silence_ms)
    follows = {None: (Began,), Began: (Paused,), Paused: (Resumed, Ended), Resumed: (Paused,), Ended: (Began,)}
    before: Change | None = None
    places: list[int] = []
    for number, what in said.items():
        assert isinstance(what, follows[None if before is None else type(before)])
        now = (number + 1) * HOP
        match what:
            case Began(at):
                # Not much before it is believed: audio from further back is not kept.
                assert min_speech_ms * 16 <= now - at <= 2 * min_speech_ms * 16 + 3 * HOP
                places.append(at)
            case Paused(at):
                assert 96 * 16 <= now - at < 96 * 16 + HOP + 256
                places.append(at)
            case Ended(at):
                # The pause is known first, and with it the end at the next window if that was long enough.
                assert max(silence_ms, 96) * 16 <= now - at < max(silence_ms, 96 + 32) * 16 + HOP + 256 + HOP
                assert before == Paused(at)
            case Resumed(after_ms):
                assert after_ms > 0
        before = what
    assert places == sorted(places)
