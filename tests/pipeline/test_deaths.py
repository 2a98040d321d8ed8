"""Any conversation at all, whose shard dies at any moments: what is told and heard is one conversation.

`Surviving` checks at each step that every turn has one reply, that each sample of it is heard once and in order, and that
words which were given out stay as they were.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.dialogue import run_out
from tests.pipeline.dialogue_world import World
from tests.pipeline.surviving import Surviving
from tests.pipeline.test_dialogue_properties import PIECES, RULES, TIMELINES, WORLDS, act

DEATHS = st.sets(st.integers(1, 100), min_size=1, max_size=5)
OUTAGES_S = st.sampled_from([0.0, 0.05, 0.4, 1.3, 3.0])


# The same ones at each run: rare conversations are looked for by hand, with more of them and other ones.
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, RULES, PIECES, TIMELINES, DEATHS, OUTAGES_S)
def test_any_conversation_survives_any_deaths(
    world: World,
    rules: dict[str, str],
    pieces: dict[str, str],
    timeline: list[tuple[float, tuple[str, object]]],
    deaths: set[int],
    outage_s: float,
) -> None:
    if pieces:
        rules = rules | {"buffering.min_ms": "500"} | {f"buffering.{key}": value for key, value in pieces.items()}
    dialogue = Surviving(world, rules, deaths, outage_s)
    end = 0.0
    for gap, action in timeline:
        end = act(dialogue, end + gap, *action)
    run_out(dialogue, end + 2.0, end + 200)
    assert dialogue.brain.over or not dialogue.busy, f"it does not come to rest: {dialogue.brain.state} {dialogue.under_way}"
    dialogue.hang_up()
