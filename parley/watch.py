"""Tells what happens to the parts of a running server: one that died, one that came in its place, one more or fewer.

It reads Ray's table of actors, which costs a third of a millisecond, and compares it with the look before.
"""

import re
from dataclasses import dataclass
from typing import Any

_REPLICA = re.compile(r"^SERVE_REPLICA::(?P<app>[^#]+)#(?P<stage>[^#]+)#")
_SYSTEM = re.compile(r"^SERVE_(CONTROLLER|PROXY)")
_MEANT = {"RAY_KILL", "OUT_OF_SCOPE", "REF_DELETED"}
"""Ways in which an actor ends because somebody wanted it to."""


@dataclass(frozen=True, slots=True)
class Part:
    """One actor, as Ray's table has it at one moment."""

    name: str
    """What a reader knows it by: the deployment's name, or the actor's."""
    alive: bool
    pid: int
    restarts: int
    """How often Ray has put a new process in the place of a dead one."""
    end: str = ""
    """Ray's word for how it died; empty while it lives."""


class Watch:
    """Remembers the last look at an application, and tells the difference."""

    def __init__(self, app: str) -> None:
        import ray

        self._app = app
        self._job = ray.get_runtime_context().get_job_id()
        self._known = self._parts()

    def look(self) -> list[str]:
        now = self._parts()
        lines = differences(self._known, now)
        self._known = now
        return lines

    def _parts(self) -> dict[str, Part]:
        from ray._private.state import actors

        return {key: part for key, row in actors().items() if (part := part_of(row, self._app, self._job)) is not None}


def part_of(row: dict[str, Any], app: str, job: str) -> Part | None:
    """A row of Ray's table, or None when it is no part of this application."""
    name: str = row["Name"]
    replica = _REPLICA.match(name)
    if replica is not None:
        if replica["app"] != app:
            return None
        label = replica["stage"]
    elif not name or row["JobID"] != job:
        return None
    else:
        label = _SYSTEM.sub(lambda found: f"Serve's {found[1].lower()}", name).split("_ACTOR")[0]
    alive = row["State"] != "DEAD"
    return Part(label, alive, row["Pid"], row["NumRestarts"], "" if alive else _end(row["DeathCause"]))


def _end(cause: Any) -> str:
    """Ray's cause of death is a protocol buffer with one field set for each kind of death."""
    kind = cause.WhichOneof("context")
    if kind == "actor_died_error_context":
        reasons = type(cause.actor_died_error_context).Reason
        return str(reasons.Name(cause.actor_died_error_context.reason))
    return str(kind or "UNSPECIFIED").removesuffix("_context").upper()


def differences(before: dict[str, Part], now: dict[str, Part]) -> list[str]:
    """What to tell of two looks, in the order of Ray's table."""
    lines: list[str] = []
    for key, part in now.items():
        old = before.get(key)
        if old is None:
            lines += [f"{part.name}: one more (process {part.pid})"] if part.alive and part.pid else _death(part)
        elif part.alive and old.alive and part.restarts > old.restarts:
            lines.append(f"{part.name}: process {old.pid} died, process {part.pid} took its place")
        elif part.alive and not old.pid and part.pid:
            lines.append(f"{part.name}: one more (process {part.pid})")
        elif old.alive and not part.alive:
            lines += _death(part)
    return lines


def _death(part: Part) -> list[str]:
    if part.alive:
        return []
    if part.end in _MEANT:
        return [f"{part.name}: one fewer (process {part.pid} ended)"]
    return [f"{part.name}: process {part.pid} died ({part.end.replace('_', ' ').lower()})"]
