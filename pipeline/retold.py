"""A text that is told once more, and what of it is new to who knows its beginning.

It need not be worded alike. While it is, it is followed letter by letter; where it differs, phrases are counted: what follows
as many of them as are known is new. A text that comes in pieces of any length has no phrases, and its letters are counted.
"""

from collections.abc import Sequence


class Retold:
    """Takes the phrases of a text again, for somebody who knows these."""

    def __init__(self, known: Sequence[str], *, phrases: bool) -> None:
        """`phrases` stand apart by a space; other pieces have their own."""
        self._phrases = phrases
        self._known = (" " if phrases else "").join(known)
        self._left = len(known)
        """Phrases to come, until all that are known have passed."""
        self._again = ""
        self._caught_up = not self._known

    def news(self, piece: str) -> str:
        """What of the next piece is not known."""
        if self._caught_up:
            return piece
        self._left -= 1
        self._again = f"{self._again} {piece}".lstrip() if self._phrases else self._again + piece
        known, again = self._known, self._again
        if known.startswith(again):
            self._caught_up = known == again
            return ""
        if again.startswith(known):
            self._caught_up = True
            return again[len(known) :].strip() if self._phrases else again[len(known) :]
        if self._phrases:
            self._caught_up = self._left <= 0
            # As many as are known have passed before this one, if it is one too many.
            return piece if self._left < 0 else ""
        self._caught_up = len(again) >= len(known)
        return again[len(known) :]
