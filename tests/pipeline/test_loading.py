import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.config import Config
from pipeline.engine_settings import RECOGNISERS, SPEAKERS, THINKERS, OpenAIChat
from pipeline.errors import ConfigError
from pipeline.loading import load_config

FILES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
KEYS = {"OPENAI_API_KEY": "sk-secret-openai", "ANTHROPIC_API_KEY": "sk-secret-anthropic", "AZURE_OPENAI_API_KEY": ""}


def refusal(*overrides: str, path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, {})
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_that_comes_with_it_loads(path: Path) -> None:
    assert load_config(path, (), {}).flows_dir.is_dir()


# Files and overrides


def test_a_file_changes_only_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turn: {silence_ms: 300}\nasr:\n  engines:\n    sim: {delay_ms: 7}\n")
    config = load_config(path, (), {})
    assert config.turn == Config().turn.model_copy(update={"silence_ms": 300})
    assert config.asr.engines == {**RECOGNISERS, "sim": RECOGNISERS["sim"].model_copy(update={"delay_ms": 7})}
    assert (config.llm, config.tts, config.server) == (Config().llm, Config().tts, Config().server)


def test_an_override_goes_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("turn: {silence_ms: 300, threshold: 0.6}")
    config = load_config(path, ["turn.silence_ms=200", "turn.silence_ms=100"], {})
    assert (config.turn.silence_ms, config.turn.threshold) == (100, 0.6)


def test_an_override_reaches_one_field_of_one_provider() -> None:
    config = load_config(None, ["llm.engines.anthropic.temperature=0.1"], {})
    assert config.llm.engines == {**THINKERS, "anthropic": THINKERS["anthropic"].model_copy(update={"temperature": 0.1})}


def test_a_provider_may_be_added_or_become_another_kind() -> None:
    mine = "tts.engines.mine={engine: espeak, words_per_minute: 200}"
    config = load_config(None, [mine, "tts.engines.openai.engine=espeak", "tts.providers=[mine, openai]"], {})
    assert config.tts.engines["mine"] == SPEAKERS["espeak"].model_copy(update={"words_per_minute": 200})
    assert config.tts.engines["openai"] == SPEAKERS["espeak"]
    assert config.tts.providers == ("mine", "openai")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}"])
def test_an_empty_file_is_all_defaults(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_config(path, (), {}) == Config()


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("conversation.greeting=no", False),
        ("conversation.flow=clinic", "clinic"),
        ("vad.overlap=0", 0.0),
        ("server.host='0.0.0.0'", "0.0.0.0"),
        (" turn.silence_ms = 250", 250),
    ],
)
def test_values_of_overrides_are_read_as_yaml(override: str, value: Any) -> None:
    section, field = override.split("=")[0].strip().split(".")
    assert getattr(getattr(load_config(None, [override], {}), section), field) == value


# What cannot be used


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("turn.sillence_ms=300", "turn.sillence_ms: there is no such setting"),
        ("trun.silence_ms=300", "trun: there is no such setting"),
        ("asr.engines.sim.delay=7", "asr.engines.sim.delay: there is no such setting"),
        ("turn.silence_ms=0", "turn.silence_ms: Input should be greater than or equal to 1 (got 0)"),
        ("turn.threshold=1.5", "turn.threshold: Input should be less than or equal to 1 (got 1.5)"),
        ("server.port=65536", "server.port: Input should be less than or equal to 65535 (got 65536)"),
        ("vad.window=700", "vad: window x (1 - overlap) must be 512 samples"),
        ("buffering.emergency_chunks=5", "buffering: emergency_chunks is less than flush_chunks"),
        ("gateway.min_replicas=9", "gateway: max_replicas is less than min_replicas"),
        ("asr.providers=[siri]", "asr: providers names siri, which engines does not describe"),
        ("asr.providers=[]", "asr: providers is empty"),
        ("turn", "'turn' is not of the form section.field=value"),
        ("=300", "'=300' is not of the form section.field=value"),
        ("turn.silence_ms=[", "the value of 'turn.silence_ms' is not YAML: ["),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_field(override: str, expected: str) -> None:
    assert refusal(override) == expected


@pytest.mark.parametrize(
    ("override", "field", "shown"),
    [
        ("turn.silence_ms=half a second", "turn.silence_ms", "'half a second'"),
        ("turn.silence_ms=0.5", "turn.silence_ms", "0.5"),
        ("asr.engines.sim.delay_ms=50ms", "asr.engines.sim.delay_ms", "'50ms'"),
        ("asr.engines.sim=50", "asr.engines.sim", "50"),
        ("conversation.language=english", "conversation.language", "'english'"),
        ("log.level=LOUD", "log.level", "'LOUD'"),
        ("turn=", "turn", "None"),
    ],
)
def test_a_value_that_is_wrong_is_shown(override: str, field: str, shown: str) -> None:
    message = refusal(override)
    assert message.startswith(f"{field}: ")
    assert message.endswith(f" (got {shown})")


@pytest.mark.parametrize("override", ["asr.engines.siri={engine: siri}", "server.host=[1, 2]", "asr.engines=5"])
def test_what_is_wrong_is_short(override: str) -> None:
    message = refusal(override)
    assert message.startswith(override.split("=")[0])
    assert len(message) < 200


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert refusal(path=missing) == f"cannot read {missing}: No such file or directory"
    assert refusal(path=tmp_path) == f"cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize("content", [b"turn: [1,\n  2", b"turn:\n\tsilence_ms: 5\n", b"\xff\xfe\x00"])
def test_a_file_that_is_not_yaml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    assert refusal(path=path).startswith(f"{path} is not YAML: ")


@pytest.mark.parametrize("content", ["- turn\n", "turn", "5"])
def test_a_file_without_sections(content: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    assert refusal(path=path) == f"{path} must hold sections, such as `turn:`"


# Keys


def test_keys_come_from_the_environment() -> None:
    config = load_config(None, (), KEYS)
    keys = {
        name: settings.api_key.get_secret_value() if settings.api_key else None
        for name, settings in config.llm.engines.items()
        if isinstance(settings, OpenAIChat)
    }
    assert keys == {"openai": "sk-secret-openai", "anthropic": "sk-secret-anthropic", "azure": None}
    assert config.asr.engines["openai"].api_key == config.tts.engines["openai"].api_key == SecretStr("sk-secret-openai")


def test_a_provider_names_the_variable_of_its_key() -> None:
    config = load_config(None, ["llm.engines.openai.api_key_env=MY_KEY", "asr.engines.openai.api_key_env=''"], {"MY_KEY": "k"})
    assert config.llm.engines["openai"].api_key == SecretStr("k")
    assert config.asr.engines["openai"].api_key is None


def test_the_environment_is_read_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert Config().llm.engines["openai"].api_key is None
    assert load_config(None, (), {}).llm.engines["openai"].api_key is None
    assert load_config().llm.engines["openai"].api_key == SecretStr("sk-secret")


def test_keys_never_show() -> None:
    config = load_config(None, (), KEYS)
    shown = [repr(config), str(config), config.model_dump_json(), json.dumps(config.model_dump(mode="json")), repr(config.llm)]
    assert [text for text in shown if "secret-" in text] == []
    assert pickle.loads(pickle.dumps(config)) == config
    assert "sk-oops" not in refusal("llm.engines.openai.api_key=[sk-oops]")
    assert "sk-oops" not in refusal("llm.engines.openai.api_key=sk-oops", "llm.providers=[]")
