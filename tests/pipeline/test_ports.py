import pickle

import numpy as np
import pytest

from pipeline.ports import FlowStep, Message, Phrase, Prompt, Speech, TextDelta, Transcript, Utterance, Word
from tests.pipeline.crossing import crosses

VALUES = [
    Word("hello", 0.0, 0.4),
    Transcript("hello", "en"),
    Message("assistant", "Good morning."),
    Prompt((Message("user", "hello"),), "en", "clinic"),
    TextDelta("Good"),
    FlowStep({"asks": "nothing"}),
    Phrase("Good morning.", "en"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_frozen_and_crosses_actors(value: object) -> None:
    crosses(value)


def test_audio_crosses_actors_as_it_is() -> None:
    samples = np.arange(-5, 5, dtype=np.int16)
    utterance = pickle.loads(pickle.dumps(Utterance(samples, "en", ("hello",))))
    speech = pickle.loads(pickle.dumps(Speech(samples, 24_000, (Word("hello", 0.0, 0.4),))))
    assert (utterance.language, utterance.phrases, speech.rate, speech.words) == (
        "en",
        ("hello",),
        24_000,
        (Word("hello", 0.0, 0.4),),
    )
    assert utterance.samples.dtype == speech.samples.dtype == np.int16
    assert utterance.samples.tolist() == speech.samples.tolist() == samples.tolist()


def test_a_prompt_remembers_nothing_of_another() -> None:
    first, second = Prompt((), "en", "clinic"), Prompt((), "en", "clinic")
    first.flow_state["asks"] = "slot"
    assert second.flow_state == {}
