import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Turn
from pipeline.endpointing import Began, Ended, Endpointer

HOP = 512
"""32 ms at 16 kHz."""
YES, MAYBE, NO = 0.9, 0.4, 0.1
"""Speech; what is neither; silence."""


def heard(
    probabilities: list[float], *, window: int = HOP, min_speech_ms: int = 96, silence_ms: int = 160
) -> dict[int, Began | Ended]:
    """What was said after which window."""
    endpointer = Endpointer(Turn(min_speech_ms=min_speech_ms, silence_ms=silence_ms), HOP, window)
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
        # An end is in the middle of the last window with speech, known five windows of silence later.
        ([YES] * 4 + [NO] * 4, {2: Began(0)}),
        ([YES] * 4 + [NO] * 5, {2: Began(0), 8: Ended(3 * HOP + 256, 9 * HOP)}),
        # Once speaking, what is neither counts as speech, and silence is counted anew.
        ([YES] * 4 + [MAYBE] * 20, {2: Began(0)}),
        ([YES] * 4 + [NO] * 4 + [MAYBE] + [NO] * 4, {2: Began(0)}),
        ([YES] * 4 + [NO] * 4 + [MAYBE] + [NO] * 5, {2: Began(0), 13: Ended(8 * HOP + 256, 14 * HOP)}),
        # And again.
        ([YES] * 3 + [NO] * 6 + [YES] * 3, {2: Began(0), 7: Ended(2 * HOP + 256, 8 * HOP), 11: Began(9 * HOP)}),
    ],
)
def test_where_speech_begins_and_ends(probabilities: list[float], expected: dict[int, Began | Ended]) -> None:
    assert heard(probabilities) == expected


def test_without_a_least_length_the_first_window_is_a_beginning() -> None:
    assert heard([NO, YES], min_speech_ms=0) == {1: Began(HOP)}


def test_windows_that_overlap_count_for_their_new_part() -> None:
    assert heard([NO, YES, YES, YES, *[NO] * 6], window=2 * HOP) == {
        3: Began(2 * HOP),
        8: Ended(4 * HOP + 256, 10 * HOP),
    }


def test_it_knows_how_long_a_speaker_has_been_silent() -> None:
    endpointer = Endpointer(Turn(), HOP, HOP)
    for probability in [YES, YES, YES, NO, NO]:
        endpointer.push(probability)
    assert (endpointer.speaking, endpointer.silent_for, endpointer.position) == (True, 256 + 2 * HOP, 5 * HOP)


@settings(deadline=None)
@given(st.lists(st.sampled_from([YES, 0.5, MAYBE, 0.35, 0.34, NO]), max_size=200), st.integers(0, 300), st.integers(1, 400))
def test_beginnings_and_ends_alternate_and_lie_in_order(
    probabilities: list[float], min_speech_ms: int, silence_ms: int
) -> None:
    said = heard(probabilities, min_speech_ms=min_speech_ms, silence_ms=silence_ms)
    assert [isinstance(what, Began) for what in said.values()] == [number % 2 == 0 for number in range(len(said))]
    places = [what.at for what in said.values()]
    assert places == sorted(places)
    for number, what in said.items():
        now = (number + 1) * HOP
        match what:
            case Began(at):
                # Not much before it is believed: audio from further back is not kept.
                assert min_speech_ms * 16 <= now - at <= 2 * min_speech_ms * 16 + 3 * HOP
            case Ended(at, decided_at):
                assert decided_at == now
                assert silence_ms * 16 <= now - at < silence_ms * 16 + HOP + 256
