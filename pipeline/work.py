"""The name of a piece of work: its turn, and a number that no other work of the conversation has.

A turn may be tried more than once, since replies are prepared before it has surely ended; results of a try that was given up
are dropped by that number.
"""

from typing import NamedTuple


class Work(NamedTuple):
    turn: int
    attempt: int
