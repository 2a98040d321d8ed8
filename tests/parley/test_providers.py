import pytest

from parley import providers
from parley.providers import Candidate
from pipeline.errors import ConfigError
from pipeline.loading import load_config

SIM = ["asr.providers=[sim]", "llm.providers=[openai, sim]", "tts.providers=[sim, espeak]"]


def test_the_first_available_provider_answers() -> None:
    assert providers.chosen(load_config(None, SIM, {})) == {"asr": "sim", "llm": "sim", "tts": "sim"}
    assert providers.chosen(load_config(None, SIM, {"OPENAI_API_KEY": "k"}))["llm"] == "openai"


def test_every_candidate_says_what_it_lacks() -> None:
    assert providers.candidates(load_config(None, SIM, {}).llm) == [
        Candidate("openai", "set OPENAI_API_KEY"),
        Candidate("sim", None),
    ]


def test_a_stage_without_a_provider_names_every_reason() -> None:
    with pytest.raises(ConfigError) as caught:
        providers.chosen(load_config(None, [*SIM, "asr.providers=[openai]"], {}))

    assert caught.value.code == "no_provider"
    assert caught.value.message == "no provider for asr is available (openai: set OPENAI_API_KEY)"
