"""Call flows: what a voice at a certain place says, written in a YAML file, with no language model or to steer one.

A flow is loaded and made ready once, holds nothing of any conversation, and never changes: all conversations of a process
share it. Where a conversation stands is in the `state` that goes in and comes out of each step, as JSON values only. A
language that a flow does not have is answered in the flow's first.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from pipeline.errors import ConfigError
from pipeline.flow_calls import NOTHING, FlowCall, Offer
from pipeline.flow_prompt import system_prompt
from pipeline.flow_schema import FlowFile
from pipeline.flow_steps import FlowAnswer, Talk

__all__ = ["Flow", "FlowAnswer", "FlowCall", "Offer", "flow_names", "load_flow"]

_FLOW_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Flow:
    """A call flow, ready for any number of conversations."""

    def __init__(self, file: FlowFile) -> None:
        self.title = file.name
        self.description = file.description
        self.languages = file.languages
        self._file = file
        self._talks = {language: Talk(file, language) for language in file.languages}

    def greeting(self, language: str) -> str:
        """What is said when a caller arrives; may be empty."""
        return self._talk(language).lines.greeting

    def goodbye(self, language: str) -> str:
        """What is said when the conversation ends."""
        return self._talk(language).lines.goodbye

    def reprompt(self, language: str) -> str:
        """What is said when nothing was understood, or nobody says anything."""
        return self._talk(language).lines.reprompt

    def openings(self, language: str) -> tuple[str, ...]:
        """A sentence for each thing that callers may want, so that people know what to say."""
        language = self._talk(language).language
        plain = [[text for text in intent.examples[language] if "{" not in text] for intent in self._file.intents.values()]
        return tuple(texts[0] for texts in plain if texts)

    def expected(self, language: str, state: dict[str, Any]) -> tuple[str, ...]:
        """Sentences that a caller may say next, for a speech grammar."""
        return self._talk(language).expected(state)

    def system_prompt(self, language: str) -> str:
        """What a language model must know to speak for this place."""
        return system_prompt(self._file, self._talk(language).language, language)

    def step(self, text: str, language: str, state: dict[str, Any], accept: float, offer: Offer = NOTHING) -> FlowAnswer:
        """Answers what a caller said; `accept` is how alike an example it must be, from 0 to 1.

        The answer may be the call of a function on offer. A call that was awaited before is forgotten.
        """
        return self._talk(language).step(text, state, accept, offer)

    def result(self, call_id: str, output: str, language: str, state: dict[str, Any]) -> FlowAnswer | None:
        """Answers with what a function gave; None when the flow awaits no such result."""
        return self._talk(language).result(call_id, output, state)

    def unprompted(self, language: str, state: dict[str, Any], first: bool) -> FlowAnswer:
        """What is said when a reply is wanted and the caller said nothing; `first` when nobody has said anything yet.

        It changes nothing: what was asked is asked again, and a call that is awaited stays so.
        """
        return self._talk(language).unprompted(state, first)

    def _talk(self, language: str) -> Talk:
        return self._talks.get(language) or self._talks[self.languages[0]]


def flow_names(flows_dir: Path) -> list[str]:
    """The flows of a folder, by name."""
    return sorted(path.stem for path in flows_dir.glob("*.yaml") if _FLOW_NAME.fullmatch(path.stem))


def load_flow(flows_dir: Path, name: str) -> Flow:
    """A flow by its name; a file that has changed since is read anew."""
    path = flows_dir / f"{name}.yaml"
    if not _FLOW_NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(flow_names(flows_dir)) or "none"
        raise ConfigError("flow_unknown", f"there is no flow {name[:64]!r} in {flows_dir} (known: {known})")
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _mtime_ns: int) -> Flow:
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("flow_invalid", f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("flow_invalid", f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, dict):
        raise ConfigError("flow_invalid", f"{path} must hold fields, such as `name:`")
    try:
        return Flow(FlowFile.model_validate(cast(dict[str, Any], loaded)))
    except ValidationError as error:
        raise ConfigError("flow_invalid", f"{path}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{field}: there is no such field"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message
