from typing import get_args

import pytest

from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.notices import AudioStarted
from pipeline.ports import Message, Phrase, Prompt
from pipeline.work import Work
from tests.pipeline.crossing import crosses, names

COMMANDS: list[Command] = [
    Transcribe(Work(3, 7), 16_000, 32_000, "en", ("yes please",), 0.24),
    Think(Work(3, 7), Prompt((Message("user", "hello"),), "en", "clinic", {"asks": "nothing"}), 0.42),
    Speak(Work(3, 7), 1, Phrase("Good morning.", "en"), 24_000, 0.18),
    Abandon(Work(2, 5)),
    Tell(AudioStarted(3)),
    Play(b"\1\0"),
    HangUp(),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_is_frozen_and_crosses_actors(command: Command) -> None:
    crosses(command)


def test_there_is_an_example_of_each() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(Command))


def test_work_is_named_first() -> None:
    assert [names(kind)[0] for kind in (Transcribe, Think, Speak, Abandon)] == ["work"] * 4
