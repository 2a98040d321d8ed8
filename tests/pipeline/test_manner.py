import pytest

from pipeline.config import Turn
from pipeline.manner import Manner
from pipeline.ports import Tool, Wish
from tests.pipeline.crossing import crosses

FULL = Manner(
    "es", 8_000, Wish("Be brief.", (Tool("hours", "", {}),)), False, False, False, False, True, Turn(), 5_000, False, "Acme"
)


@pytest.mark.parametrize("manner", [Manner("en"), FULL], ids=["talking", "keeping items"])
def test_it_is_frozen_and_crosses_actors(manner: Manner) -> None:
    crosses(manner)


def test_by_default_a_caller_only_talks() -> None:
    made = Manner("en")
    assert (made.greets, made.detects, made.answers, made.interrupts, made.foreseen) == (True,) * 5
    assert (made.keeps_items, made.idle_ms, made.turn, made.wish) == (False, 0, None, Wish())


def test_manners_that_differ_in_their_rules_for_turns_differ() -> None:
    assert Manner("en", turn=Turn(silence_ms=900)) == Manner("en", turn=Turn(silence_ms=900))
    assert Manner("en", turn=Turn(silence_ms=900)) != Manner("en", turn=Turn(silence_ms=500))
