"""Every scenario of `dialogues/`; what their lines mean is told in `dialogue_table`."""

from pathlib import Path

import pytest

from pipeline import events as on
from pipeline.commands import Play, Tell, Transcribe
from tests.pipeline.dialogue_table import Played, Scenario, play, read

SCENARIOS = [scenario for path in sorted((Path(__file__).parent / "dialogues").glob("*.txt")) for scenario in read(path)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.where.split('.')[0]}: {scenario.title}")
def test_dialogue(scenario: Scenario) -> None:
    played = play(scenario)
    for text, check in scenario.expected:
        try:
            check(played)
        except AssertionError as error:
            raise AssertionError(f"{scenario.where} => {text}\n{error}\n{story(played)}") from None


def story(played: Played) -> str:
    """What happened, for a test that fails."""
    lines: list[str] = []
    for logged in played.dialogue.log:
        what = logged.what
        match what:
            case Tell():
                continue
            case Play(pcm):
                text = f"Play({len(pcm) // 2} ms)"
            case on.SpeechMade():
                text = f"SpeechMade({what.work}, {what.phrase}, {len(what.pcm) // 2} ms)"
            case Transcribe():
                text = f"Transcribe({what.work}, {what.start / 16:.0f}..{what.stop / 16:.0f} ms)"
            case _:
                text = str(what)
        lines.append(f"  {logged.at:7.3f}  {text[:160]}")
    return "\n".join(lines)
