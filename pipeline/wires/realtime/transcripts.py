"""What was heard of the caller's items, in the pieces that a client is told.

A transcript belongs to an item. What is heard before the item is known to the client waits for it, unless words are all that
the client wants; the last word always waits.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from pipeline.wires.realtime.server_events import ServerEvents

_KIND = "conversation.item.input_audio_transcription"
_MOST_TURNS = 64
"""Turns whose words may be outstanding; past that the oldest gets none."""


@dataclass(slots=True)
class _Turn:
    ms: int = 0
    known: bool = False
    """Whether the client knows the item."""
    text: str = ""
    told: str = ""
    final: bool = False
    error: dict[str, Any] | None = None


class Transcripts:
    def __init__(self, events: ServerEvents, early: bool) -> None:
        self._events = events
        self._early = early
        self._turns: OrderedDict[str, _Turn] = OrderedDict()

    def expect(self, item: str, ms: int) -> None:
        """The client gives audio of so many milliseconds."""
        self._turn(item).ms = ms

    def known(self, item: str, ms: int | None = None) -> list[str]:
        """The client was told of an item; what was held back follows."""
        if ms is None and item not in self._turns:
            return []
        turn = self._turn(item)
        turn.known = True
        turn.ms = turn.ms if ms is None else ms
        return self._told(item, turn)

    def heard(self, item: str, text: str, final: bool) -> list[str]:
        turn = self._turn(item)
        turn.text, turn.final = text, final
        return self._told(item, turn)

    def failed(self, item: str, error: dict[str, Any]) -> list[str]:
        turn = self._turn(item)
        turn.error = error
        return self._told(item, turn)

    def forget(self, item: str) -> None:
        self._turns.pop(item, None)

    def _turn(self, item: str) -> _Turn:
        turn = self._turns.setdefault(item, _Turn())
        if len(self._turns) > _MOST_TURNS:
            self._turns.popitem(last=False)
        return turn

    def _told(self, item: str, turn: _Turn) -> list[str]:
        if not (turn.known or self._early):
            return []
        out: list[str] = []
        delta = turn.text[len(turn.told) :] if turn.text.startswith(turn.told) else ""
        if delta and turn.error is None:
            out.append(self._events.write(f"{_KIND}.delta", item_id=item, content_index=0, delta=delta))
            turn.told = turn.text
        if turn.known and (turn.final or turn.error is not None):
            out.append(self._last(item, turn))
            self.forget(item)
        return out

    def _last(self, item: str, turn: _Turn) -> str:
        if turn.error is not None:
            return self._events.write(f"{_KIND}.failed", item_id=item, content_index=0, error=turn.error)
        usage = {"type": "duration", "seconds": turn.ms / 1000}
        return self._events.write(f"{_KIND}.completed", item_id=item, content_index=0, transcript=turn.text, usage=usage)
