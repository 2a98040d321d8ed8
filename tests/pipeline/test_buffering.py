import pytest

from pipeline.buffering import Flush, Gathered
from pipeline.config import Buffering

RULES = Buffering(flush_ms=4_000, min_ms=1_500, flush_chunks=100, emergency_chunks=300)
FRAME = 320


def gathered(chunks: int, frame: int = FRAME) -> Gathered:
    made = Gathered(RULES)
    for _ in range(chunks):
        made.add(frame)
    return made


@pytest.mark.parametrize(
    ("chunks", "frame", "paused", "under_way", "expected"),
    [
        (0, FRAME, True, False, None),
        # At a pause: from 4 s on.
        (20, 3_200, False, False, None),
        (19, 3_200, True, False, None),
        (20, 3_200, True, False, Flush.PAUSE),
        (20, 3_200, True, True, None),
        # By count: from 100 chunks on, if they are 1.5 s long.
        (99, FRAME, False, False, None),
        (100, FRAME, False, False, Flush.COUNT),
        (100, FRAME, True, False, Flush.COUNT),
        (100, FRAME, False, True, None),
        (100, 239, False, False, None),
        (100, 240, False, False, Flush.COUNT),
        # In an emergency: whatever else.
        (299, FRAME, False, True, None),
        (300, FRAME, False, True, Flush.EMERGENCY),
        (300, 1, False, True, Flush.EMERGENCY),
    ],
)
def test_when_audio_is_sent_off(chunks: int, frame: int, paused: bool, under_way: bool, expected: Flush | None) -> None:
    assert gathered(chunks, frame).due(paused=paused, under_way=under_way) == expected


def test_counting_begins_anew_after_each_piece() -> None:
    made = gathered(300)
    made.flushed()
    assert (made.samples, made.chunks, made.due(paused=True, under_way=False)) == (0, 0, None)
    made.add(FRAME)
    assert (made.samples, made.chunks) == (FRAME, 1)
