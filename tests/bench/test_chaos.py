import json
from typing import Any

import pytest
import typer

from bench.chaos import Asker, Run, kinds_of, result
from bench.hearing import Hearing
from bench.reconnecting import ReconnectingCaller
from bench.strokes import Kind, Stroke
from bench.survival import PATIENCE_S

FRAME_S = 0.02
SPOKEN = [b"one", b"two", b"three"]


class Mute(ReconnectingCaller):
    """Sends nothing anywhere."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        self.sent.append(message)


def asker(begins_at: float = 0.0) -> tuple[Asker, list[bytes], Hearing]:
    caller = Mute()
    return Asker(caller, SPOKEN, b"-", 6.0, begins_at), caller.sent, caller.hearing


def steps(one: Asker, start: float, count: int, asks: bool = True) -> None:
    for number in range(count):
        one.step(start + number * FRAME_S, asks)


def reply(hearing: Hearing, turn: int, now: float) -> None:
    hearing.message({"type": "audio_started", "turn": turn}, now)
    hearing.sound(96_000, now)
    hearing.message({"type": "audio_done", "turn": turn, "ms": 2000}, now)


def test_a_question_between_silences() -> None:
    one, sent, hearing = asker(begins_at=0.03)
    steps(one, 0.0, 7)
    assert sent == [b"-", b"-", *SPOKEN, b"-", b"-"]
    (question,) = hearing.questions
    assert (question.begun_at, question.asked_at) == (0.04, 0.08)


def test_the_next_question_waits_for_its_time() -> None:
    one, sent, hearing = asker()
    steps(one, 0.0, 3)
    reply(hearing, 1, 0.5)
    one.step(5.9, True)
    one.step(6.0, True)
    assert sent[3:] == [b"-", b"one"]


def test_the_next_question_waits_until_the_reply_was_heard() -> None:
    one, sent, hearing = asker()
    steps(one, 0.0, 3)
    reply(hearing, 1, 4.0)
    one.step(6.3, True)
    one.step(6.4, True)
    assert sent[3:] == [b"-", b"one"]


def test_a_caller_without_a_reply_asks_again_after_a_while() -> None:
    one, sent, _ = asker()
    steps(one, 0.0, 3)
    one.step(0.04 + PATIENCE_S - 0.01, True)
    one.step(0.04 + PATIENCE_S, True)
    assert sent[3:] == [b"-", b"one"]


def test_at_the_end_a_question_is_finished_but_none_begun() -> None:
    one, sent, _ = asker()
    one.step(0.0, True)
    steps(one, FRAME_S, 3, asks=False)
    steps(one, 20.0, 1, asks=False)
    assert sent == [*SPOKEN, b"-", b"-"]


def test_kinds_by_their_names() -> None:
    assert kinds_of("buffer,frozen,asr") == [Kind.BUFFER, Kind.FROZEN, Kind.ASR]
    with pytest.raises(typer.BadParameter, match="redis is none of gateway"):
        kinds_of("asr,redis")


class Struck:
    """A striker whose work is done."""

    def __init__(self, *strokes: Stroke) -> None:
        self.strokes, self.spared = list(strokes), [Kind.TTS]


def kept(*waits: float | None) -> dict[str, Any]:
    """Of one caller with a question every six seconds, the third of which a shard's death falls on."""
    one, _, hearing = asker()
    for number, wait in enumerate(waits):
        asked_at = 6.0 * number + 1
        hearing.asks(asked_at - 1)
        hearing.asked(asked_at)
        if wait is not None:
            reply(hearing, number, asked_at + wait)
    run = Run("", 1, 30.0, 6.0, began_at=0.0, struck_from=11.0, askers=[one])
    return json.loads(json.dumps(result(run, Struck(Stroke(Kind.BUFFER, 12.5, 12.5, 2.0)))))  # type: ignore[arg-type]


def test_what_is_kept_of_a_run() -> None:
    figures = kept(0.9, 0.5, 2.0)
    assert figures["turns"] == {"asked": 2, "answered once": 2, "lost": 0, "doubled": 0, "out of order": 0, "wrong length": 0}
    assert figures["targets"] == {"lost 0": "met", "doubled 0": "met"}
    assert (figures["usual_wait_s"], figures["waits_s"]) == (0.5, [[7.0, 0.5], [13.0, 2.0]])
    shard, calm = figures["by_kind"]
    assert (shard["kind"], shard["turns"], shard["extra_p95_s"], shard["verdict"]) == ("BufferActor", 1, 1.5, "met")
    assert (calm["kind"], calm["turns"]) == (None, 1)
    assert figures["strokes"] == [{"kind": "BufferActor", "at_s": 12.5, "replaced_s": 2.0}]
    assert (figures["spared"], figures["failed"]) == ({"tts": 1}, [])


def test_what_went_wrong_is_told() -> None:
    figures = kept(0.9, 0.5, None)
    assert figures["targets"]["lost 0"] == "missed"
    (lost,) = figures["failed"]
    assert (lost["asked_at_s"], lost["faults"], lost["bytes"]) == (13.0, ["lost"], [])


def test_without_a_calm_turn_there_is_nothing_to_compare_with() -> None:
    figures = kept(0.9, None)
    assert (figures["usual_wait_s"], figures["by_kind"]) == (None, [])
