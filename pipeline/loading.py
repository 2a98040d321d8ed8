"""How a configuration comes together: defaults, a file, overrides, and the keys in the environment, which nothing else reads.

A file holds only what differs from the defaults. Overrides are dotted paths (`turn.silence_ms=200`) whose values are read as
YAML. An unknown key, a wrong unit or a missing file ends with one line that names the field, and never shows a key.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import SecretStr, ValidationError

from pipeline.config import Config
from pipeline.engine_settings import Cloud, EngineSettings
from pipeline.errors import ConfigError
from pipeline.keys import from_environment

S = TypeVar("S", bound=EngineSettings)


def load_config(
    path: Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Defaults, then the file, then the overrides, then the keys named in the environment."""
    values = _defaults()
    if path is not None:
        _merge(values, _read(path))
    for override in overrides:
        _merge(values, _parse_override(override))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("config_invalid", _first_problem(error)) from None
    return _with_keys(config, environ)


def _defaults() -> dict[str, Any]:
    """Only the engines: they are merged key by key, so a file may change one field of one provider."""
    config = Config()
    stages = {"asr": config.asr, "llm": config.llm, "tts": config.tts}
    return {
        name: {"engines": {key: settings.model_dump() for key, settings in stage.engines.items()}}
        for name, stage in stages.items()
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("config_unreadable", f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError("config_unreadable", f"{path} is not YAML: {problem}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError("config_invalid", f"{path} must hold sections, such as `turn:`")
    return cast(dict[str, Any], loaded)


def _parse_override(override: str) -> dict[str, Any]:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError("config_invalid", f"'{override}' is not of the form section.field=value")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError("config_invalid", f"the value of '{key}' is not YAML: {text}") from None
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    return value


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if not isinstance(value, dict) or not isinstance(into.get(key), dict):
            into[key] = value
            continue
        old, changes = cast(dict[str, Any], into[key]), cast(dict[str, Any], value)
        if changes.get("engine", old.get("engine")) == old.get("engine"):
            _merge(old, changes)
        else:
            # A provider that becomes another kind of engine keeps nothing of the old one.
            into[key] = changes


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"]]
    if path[1:2] == ["engines"]:
        # Pydantic names the kind of engine beside the provider.
        del path[3:4]
    field = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"{field}: there is no such setting"
    message = problem["msg"].removeprefix("Value error, ")
    # A whole section would bury the message, and a key must not show.
    secret = path[-1] == "api_key" or path[0] == "keys"
    showable = isinstance(problem["input"], str | int | float | None) and not secret
    return f"{field}: {message} (got {problem['input']!r})" if showable else f"{field}: {message}"


def _with_keys(config: Config, environ: Mapping[str, str]) -> Config:
    def keyed(settings: S) -> S:
        if not isinstance(settings, Cloud):
            return settings
        key = environ.get(settings.api_key_env, "") if settings.api_key_env else ""
        return settings.model_copy(update={"api_key": SecretStr(key)}) if key else settings

    stages = {
        name: stage.model_copy(update={"engines": {key: keyed(settings) for key, settings in stage.engines.items()}})
        for name, stage in (("asr", config.asr), ("llm", config.llm), ("tts", config.tts))
    }
    return config.model_copy(update={**stages, "keys": from_environment(config.keys, environ)})
