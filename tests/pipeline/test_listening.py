"""What the caller's side does by itself; whole conversations are in test_conversation and test_requests."""

from dataclasses import replace

from pipeline import events as on
from pipeline.answering import Answering
from pipeline.commands import Transcribe
from pipeline.config import Turn
from pipeline.floor import Floor
from pipeline.flow import load_flow
from pipeline.listening import Listening
from pipeline.loading import load_config
from pipeline.manner import Manner
from pipeline.ports import Transcript
from pipeline.states import State
from pipeline.work import Work
from tests.pipeline.talk import RATE

CONFIG = load_config(None, (), {})
DETECTING = Manner("en", RATE, keeps_items=True)
MANUAL = replace(DETECTING, detects=False)


def made(manner: Manner) -> tuple[Listening, Floor]:
    floor = Floor(CONFIG, manner, "")
    answering = Answering(floor, "clinic", load_flow(CONFIG.flows_dir, "clinic"))
    return Listening(floor, answering, None), floor


def hears(listening: Listening, attempt: int = 1) -> None:
    listening.transcribed(on.Transcribed(Work(1, attempt), Transcript("hello", "en"), 0.1))


def test_audio_is_kept_for_a_client_that_says_itself_what_a_turn_is() -> None:
    listening, _ = made(MANUAL)
    assert listening.audio_needed_from == 0
    listening.declare(8_000)
    assert (listening.audio_needed_from, listening.since) == (0, 8_000)
    hears(listening)
    assert listening.audio_needed_from == 8_000


def test_where_speech_is_noticed_only_turns_need_audio() -> None:
    listening, _ = made(DETECTING)
    assert listening.audio_needed_from is None
    listening.began(4_000)
    assert listening.audio_needed_from == 4_000
    listening.declare(8_000)
    hears(listening)
    assert listening.audio_needed_from is None


def test_a_turn_declared_while_the_caller_speaks_begins_where_they_began() -> None:
    listening, floor = made(DETECTING)
    listening.began(4_000)
    assert listening.since == 4_000
    listening.declare(9_000)
    (asked,) = [command for command in floor.out if isinstance(command, Transcribe)]
    assert (asked.start, listening.since, floor.turn, floor.state) == (4_000, 9_000, 1, State.LISTENING)


def test_speech_that_is_forgotten_is_no_turn() -> None:
    listening, floor = made(DETECTING)
    listening.began(4_000)
    assert listening.at_rest is False
    listening.forget_speech(6_000)
    assert (listening.at_rest, listening.caller, listening.since, floor.state) == (True, None, 6_000, State.LISTENING)


def test_nobody_is_at_rest_while_words_are_awaited() -> None:
    listening, _ = made(MANUAL)
    listening.declare(8_000)
    assert listening.at_rest is False
    hears(listening)
    assert listening.at_rest is True


def test_another_manner_counts_for_what_is_asked_next() -> None:
    listening, floor = made(MANUAL)
    floor.manner = replace(MANUAL, language="es", prompt="Acme", turn=Turn(detection="server_vad", silence_ms=900))
    listening.adjust(other_rules=True)
    listening.declare(8_000)
    (asked,) = [command for command in floor.out if isinstance(command, Transcribe)]
    assert (asked.language, asked.prompt, listening.silence_ms) == ("es", "Acme", 900)
