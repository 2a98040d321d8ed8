from typing import get_args

import pytest

from pipeline.commands import Abandon, Command, HangUp, Play, Speak, Tell, Think, Transcribe
from pipeline.notices import AudioStarted
from pipeline.ports import Message, Phrase, Prompt
from tests.pipeline.crossing import crosses, names

COMMANDS: list[Command] = [
    Transcribe(3, 0, 16_000, 32_000, "en", ("yes please",)),
    Think(3, Prompt((Message("user", "hello"),), "en", "clinic", {"asks": "nothing"})),
    Speak(3, 1, Phrase("Good morning.", "en")),
    Abandon(2),
    Tell(AudioStarted(3)),
    Play(b"\1\0"),
    HangUp(),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_is_frozen_and_crosses_actors(command: Command) -> None:
    crosses(command)


def test_there_is_an_example_of_each() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(Command))


def test_work_carries_the_number_of_its_turn_first() -> None:
    assert [names(kind)[0] for kind in (Transcribe, Think, Speak, Abandon)] == ["turn"] * 4
