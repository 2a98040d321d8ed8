from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from actors.engines import MODULES
from pipeline import engine_settings
from pipeline.engine_settings import (
    RECOGNISERS,
    SPEAKERS,
    THINKERS,
    Cloud,
    Espeak,
    RecogniserSettings,
    Settings,
    SimSpeaker,
    SpeakerSettings,
    ThinkerSettings,
)

KINDS = [kind for kind in vars(engine_settings).values() if isinstance(kind, type) and issubclass(kind, Settings)]
ENGINES = [kind for kind in KINDS if "engine" in kind.model_fields]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_described_and_has_a_default(kind: type[Settings]) -> None:
    assert kind.__doc__
    # `engine` says which kind it is, as the class does.
    fields = {name: field for name, field in kind.model_fields.items() if name != "engine"}
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []
    assert [name for name, field in fields.items() if field.is_required()] == []


def test_every_engine_belongs_to_a_stage_and_to_a_file() -> None:
    names = {kind.model_fields["engine"].default for kind in ENGINES}
    stages = (RecogniserSettings, ThinkerSettings, SpeakerSettings)
    assert {kind for stage in stages for kind in get_args(get_args(stage)[0])} == set(ENGINES)
    assert names == set(MODULES)


@pytest.mark.parametrize(
    ("stage", "known"), [(RecogniserSettings, RECOGNISERS), (ThinkerSettings, THINKERS), (SpeakerSettings, SPEAKERS)]
)
def test_known_providers_are_made_from_their_kind(stage: type[Settings], known: dict[str, Settings]) -> None:
    adapter = TypeAdapter(stage)
    assert {name: adapter.validate_python(settings.model_dump()) for name, settings in known.items()} == known
    assert "sim" in known


def test_each_stage_ends_with_one_that_needs_nothing() -> None:
    assert [list(known)[-2] for known in (RECOGNISERS, THINKERS, SPEAKERS)] == ["sphinx", "flow", "espeak"]


def test_a_key_does_not_show() -> None:
    settings = Cloud(api_key="sk-secret")
    assert "sk-secret" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk-secret"


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Cloud, {"timeout_s": -1}),
        (Cloud, {"pool": 0}),
        (Cloud, {"retries": -1}),
        (Espeak, {"words_per_minute": 50}),
        (SimSpeaker, {"error_rate": 1.1}),
        (SimSpeaker, {"engine": "sim_asr"}),
        (Espeak, {"voice": "bob"}),
    ],
)
def test_what_makes_no_sense_is_refused(kind: type[Settings], wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        kind.model_validate(wrong)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Espeak().words_per_minute = 200
