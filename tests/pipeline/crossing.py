"""Values that cross actors: frozen, and the same on the other side."""

import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest


def crosses(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert not hasattr(value, "__dict__")
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)


def names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]
