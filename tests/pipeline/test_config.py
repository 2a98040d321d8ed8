import pickle
from collections.abc import Iterator
from typing import TypeGuard

import pytest
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.engine_settings import Settings
from pipeline.loading import load_config


def sections(within: type[Settings]) -> Iterator[type[Settings]]:
    yield within
    for field in within.model_fields.values():
        if is_section(field.annotation):
            yield from sections(field.annotation)


def is_section(kind: object) -> TypeGuard[type[Settings]]:
    return isinstance(kind, type) and issubclass(kind, Settings)


SECTIONS = list(dict.fromkeys(sections(Config)))


# What a configuration is


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_section_and_every_field_is_described(section: type[Settings]) -> None:
    assert section.__doc__
    # A section within another one describes itself.
    fields = {name: field for name, field in section.model_fields.items() if not is_section(field.annotation)}
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_field_has_a_default(section: type[Settings]) -> None:
    assert [name for name, field in section.model_fields.items() if field.is_required()] == []


def test_the_defaults_hold_together() -> None:
    assert load_config(None, (), {}) == Config()
    assert pickle.loads(pickle.dumps(Config())) == Config()


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().turn.silence_ms = 5
