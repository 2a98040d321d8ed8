"""What time alone brings about: a question whether somebody is there, a goodbye, and keys that count as said."""

from enum import Enum, auto

from pipeline.config import Quiet as Rules
from pipeline.manner import Manner
from pipeline.states import State

_GOODBYE_S = 15.0
"""Seconds that a goodbye may take."""
_AGAIN_S = 1.0
"""Seconds in which what was said elsewhere has been heard again."""


class Ask(Enum):
    THERE = auto()
    GOODBYE = auto()
    END = auto()


class Quiet:
    """Notices that a caller says nothing, or that a conversation lasts too long."""

    def __init__(self, rules: Rules, longest_s: float) -> None:
        self._idle_ms = rules.idle_ms
        self._prompts = rules.prompts
        self._longest_s = longest_s
        self._keeps_items = False
        self._ends_at = float("inf")
        self._since: float | None = None
        self._asked = 0
        self._gone_by: float | None = None
        """When the conversation ends for good, once goodbye was said; who answers a goodbye is still there."""

    def begin(self, now: float) -> None:
        # A client that keeps items is told by its connection.
        self._ends_at = float("inf") if self._keeps_items else now + self._longest_s
        # Before anything was said there is nothing to go on from.
        self._since = None if self._keeps_items else now

    def adjust(self, manner: Manner) -> None:
        """A client that keeps items says itself how long is too long; it is not asked, but answered unasked."""
        self._keeps_items = manner.keeps_items
        if manner.keeps_items:
            self._idle_ms = manner.idle_ms

    @property
    def asked(self) -> int:
        return self._asked

    @property
    def leaving(self) -> bool:
        """Whether goodbye was said."""
        return self._gone_by is not None

    def restore(self, asked: int, *, leaving: bool, now: float) -> None:
        """Goes on where another one was left. Before time is up, what the caller said there is heard again."""
        self._ends_at = max(self._ends_at, now + _AGAIN_S)
        self._asked = asked
        self._gone_by = now + _GOODBYE_S if leaving else None

    def rest(self, now: float) -> None:
        """Nobody speaks from now on."""
        self._since = now

    def due(self, state: State) -> float | None:
        if self._gone_by is not None:
            return self._gone_by
        idle_at = self._idle_at(state)
        return self._ends_at if idle_at is None else min(idle_at, self._ends_at)

    def ask(self, state: State, now: float) -> Ask | None:
        """What should be asked now, if anything."""
        if self._gone_by is not None:
            return Ask.END if now >= self._gone_by else None
        if now >= self._ends_at:
            return self._goodbye(now)
        idle_at = self._idle_at(state)
        if idle_at is None or now < idle_at:
            return None
        if self._keeps_items:
            return Ask.THERE
        self._asked += 1
        return self._goodbye(now) if self._asked > self._prompts else Ask.THERE

    def heard(self, now: float) -> None:
        """Somebody is there."""
        self._asked = 0
        self._since = now
        if now < self._ends_at:
            self._gone_by = None

    def _goodbye(self, now: float) -> Ask:
        self._gone_by = now + _GOODBYE_S
        return Ask.GOODBYE

    def _idle_at(self, state: State) -> float | None:
        if not self._idle_ms or state is not State.LISTENING or self._since is None:
            return None
        return self._since + self._idle_ms / 1000


class Keys:
    """Gathers the keys of a telephone until `#` or a pause."""

    def __init__(self, rules: Rules) -> None:
        self._pause_s = rules.key_pause_ms / 1000
        self._keys = ""
        self._newest_at = 0.0

    @property
    def pressed(self) -> str:
        """What does not count as said yet."""
        return self._keys

    def restore(self, keys: str, now: float) -> None:
        self._keys, self._newest_at = keys, now

    def press(self, key: str, now: float) -> str:
        """The keys that count as said now, if any."""
        if key == "#":
            keys, self._keys = self._keys, ""
            return keys
        self._keys += key
        self._newest_at = now
        return ""

    def due(self) -> float | None:
        return self._newest_at + self._pause_s if self._keys else None

    def ripe(self, now: float) -> str:
        due = self.due()
        if due is None or now < due:
            return ""
        keys, self._keys = self._keys, ""
        return keys
