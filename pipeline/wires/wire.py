"""What a connection asks of a wire: messages of its client in, messages for its client out.

A codec knows no socket and no clock. It never raises for what a client sends: what cannot be used is answered in the words
of the wire.
"""

from typing import Protocol

from pipeline.errors import ParleyError
from pipeline.events import FromCaller
from pipeline.notices import Notice

Taken = bytes | str | FromCaller
"""Audio of the caller, PCM16 mono at `in_rate`; an answer that the client gets at once; or an event for the conversation."""


class Wire(Protocol):
    @property
    def in_rate(self) -> int:
        """Samples a second of the audio that `read` gives, also inside of events; a message may change it for the next ones."""
        ...

    def read(self, message: str | bytes) -> list[Taken]:
        """What a message of the client means, in order."""
        ...

    def write(self, delivery: Notice | bytes) -> list[str | bytes]:
        """What the client gets for a notice, or for PCM16 audio of the present reply."""
        ...

    def refuse(self, error: ParleyError) -> str:
        """An error that no message of the client led to."""
        ...
