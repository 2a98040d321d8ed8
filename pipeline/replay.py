"""What a conversation that has moved is given a second time: what its caller said and did, each thing in its place.

The audio comes all at once and is judged as fast as can be; an event waits until the audio that came before it is judged.
Until all has been given, what was told the first time may still be told again.
"""

from collections import deque

from pipeline.ear import Ear
from pipeline.events import FromCaller
from pipeline.journal import Return

_MOST_WAITING = 1_000
"""Events that may wait; when there are more, the oldest waits no longer."""


class Replay:
    def __init__(self, ear: Ear, returns: Return) -> None:
        """`ear` is where the audio is heard again."""
        self._ear = ear
        self._upto = returns.told.again[1]
        self._waiting = deque(returns.events)

    @property
    def over(self) -> bool:
        return not self._waiting and self._ear.has_judged(self._upto)

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def put(self, event: FromCaller) -> None:
        """Something that the caller does now; it comes after all that they did before."""
        self._waiting.append((self._ear.received, event))

    def next(self) -> FromCaller | None:
        """The next event, if its time has come."""
        if self._waiting and (self._ear.has_judged(self._waiting[0][0]) or len(self._waiting) > _MOST_WAITING):
            return self._waiting.popleft()[1]
        return None
