"""The part of a transcript that is sure while the caller still speaks.

Each hypothesis covers all of the turn so far. What two in a row agree on is sure, but for the newest word, which may be heard
only in part. What was once given out stays as it was, in its spelling too: a hypothesis that contradicts it adds nothing.
"""

from dataclasses import dataclass

from pipeline.flow_words import folded


def stable_prefix(previous: str, current: str) -> str:
    """The words of `current`, as they are written there, up to where the two hypotheses differ."""
    now = current.split()
    return " ".join(now[: _agreed(previous.split(), now)])


@dataclass(slots=True)
class Partials:
    """Takes hypotheses of one turn, and gives out what will not change."""

    committed: str = ""
    """What was given out last."""
    previous: str = ""
    """The newest hypothesis."""

    def push(self, text: str) -> str | None:
        """The grown text, or None when nothing new is sure."""
        before, now = self.previous.split(), text.split()
        self.previous = text
        given = self.committed.split()
        sure = min(_agreed(before, now), len(now) - 1)
        if sure <= len(given) or _agreed(given, now) < len(given):
            return None
        self.committed = " ".join([*given, *now[len(given) : sure]])
        return self.committed


def _agreed(before: list[str], now: list[str]) -> int:
    """How many words are the same from the start; case, accents and punctuation do not count."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old != new and folded(old) != folded(new):
            break
        count += 1
    return count
