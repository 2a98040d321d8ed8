from types import SimpleNamespace
from typing import Any

import pytest
from ray.core.generated.common_pb2 import ActorDeathCause, ActorDiedErrorContext, RayException

from parley.watch import Part, differences, part_of

ALIVE = Part("asr", True, 10, 0)
DIED = ActorDeathCause(actor_died_error_context=ActorDiedErrorContext(reason=ActorDiedErrorContext.Reason.WORKER_DIED))
ENDED = ActorDeathCause(actor_died_error_context=ActorDiedErrorContext(reason=ActorDiedErrorContext.Reason.RAY_KILL))
FAILED = ActorDeathCause(creation_task_failure_context=RayException())


def row(name: str, state: str = "ALIVE", cause: Any = None, job: str = "01") -> dict[str, Any]:
    return {"Name": name, "JobID": job, "State": state, "Pid": 10, "NumRestarts": 0, "DeathCause": cause or ActorDeathCause()}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("SERVE_REPLICA::parley#asr#a1b2", ALIVE),
        ("buffer-0", Part("buffer-0", True, 10, 0)),
        ("SERVE_CONTROLLER_ACTOR", Part("Serve's controller", True, 10, 0)),
        ("SERVE_PROXY_ACTOR-f0f0", Part("Serve's proxy", True, 10, 0)),
        ("SERVE_REPLICA::other#asr#a1b2", None),
        ("", None),
    ],
)
def test_parts_have_the_names_that_a_reader_knows(name: str, part: Part | None) -> None:
    assert part_of(row(name), "parley", "01") == part


def test_another_jobs_actors_are_none_of_ours() -> None:
    assert part_of(row("buffer-0", job="02"), "parley", "01") is None


@pytest.mark.parametrize(("cause", "end"), [(DIED, "WORKER_DIED"), (ENDED, "RAY_KILL"), (FAILED, "CREATION_TASK_FAILURE")])
def test_how_a_part_died(cause: Any, end: str) -> None:
    assert part_of(row("SERVE_REPLICA::parley#asr#a", "DEAD", cause), "parley", "01") == Part("asr", False, 10, 0, end)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (ALIVE, ALIVE, []),
        (None, ALIVE, ["asr: one more (process 10)"]),
        (None, Part("asr", True, 0, 0), []),
        (Part("asr", True, 0, 0), ALIVE, ["asr: one more (process 10)"]),
        (ALIVE, Part("asr", False, 10, 0, "WORKER_DIED"), ["asr: process 10 died (worker died)"]),
        (ALIVE, Part("asr", False, 10, 0, "RAY_KILL"), ["asr: one fewer (process 10 ended)"]),
        (ALIVE, Part("asr", True, 11, 1), ["asr: process 10 died, process 11 took its place"]),
        (None, Part("asr", False, 12, 0, "WORKER_DIED"), ["asr: process 12 died (worker died)"]),
    ],
)
def test_what_is_told_of_two_looks(before: Part | None, now: Part, told: list[str]) -> None:
    assert differences({} if before is None else {"a": before}, {"a": now}) == told


def test_a_part_that_vanished_from_the_table_was_told_before() -> None:
    assert differences({"a": ALIVE}, {}) == []


def test_an_unknown_cause_still_has_a_word() -> None:
    dead = row("buffer-0", "DEAD", SimpleNamespace(WhichOneof=lambda _: None))

    assert part_of(dead, "parley", "01") == Part("buffer-0", False, 10, 0, "UNSPECIFIED")
