import itertools

import pytest

from pipeline.states import TABLE, State, Trigger, after, diagram


def test_every_state_can_be_reached() -> None:
    reached = {State.LISTENING}
    while len(more := reached | {TABLE[row] for row in TABLE if row[0] in reached}) > len(reached):
        reached = more
    assert reached == set(State)


def test_every_trigger_is_of_use() -> None:
    assert {trigger for _, trigger in TABLE} == set(Trigger)


def test_the_end_can_come_from_anywhere_and_is_the_end() -> None:
    assert {after(state, Trigger.HUNG_UP) for state in State} == {State.ENDED}
    assert {trigger for state, trigger in TABLE if state is State.ENDED} == {Trigger.HUNG_UP}


@pytest.mark.parametrize(("state", "trigger"), [row for row in itertools.product(State, Trigger) if row not in TABLE])
def test_what_is_not_listed_raises(state: State, trigger: Trigger) -> None:
    with pytest.raises(AssertionError, match=f"{trigger.name} cannot happen in {state.name}"):
        after(state, trigger)


def test_the_diagram_shows_the_whole_table() -> None:
    head, start, *rows = diagram().splitlines()
    assert (head, start) == ("stateDiagram-v2", "    [*] --> LISTENING")
    assert rows == [f"    {source.name} --> {target.name}: {trigger.value}" for (source, trigger), target in TABLE.items()]
    assert all(f" {state.name}" in diagram() for state in State)
    assert all(f": {trigger.value}" in diagram() for trigger in Trigger)
