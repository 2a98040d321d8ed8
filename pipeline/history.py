"""What both sides said, as the caller heard it: what was never heard is not remembered, and what was cut off says so.

Everything is an item with a name, so that clients may add, forget, look at and shorten what is remembered. A place may be
kept for an item before its words are known; until then nobody is told of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.audio import to_samples
from pipeline.errors import ClientError
from pipeline.ledger import Ledger
from pipeline.ports import Entry, Message

CUT = " [interrupted]"
"""Stands in a prompt behind the last word that was heard of a reply which had more."""


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    entry: Entry
    spoken: bool = False
    """Whether it was said and not written."""
    complete: bool = True
    """Whether it came to its own end."""
    heard_ms: int | None = None
    """How much of a spoken reply there is."""


@dataclass(slots=True)
class Kept:
    item: Item
    known: bool
    """Whether its words are there; until then only its place is kept."""
    ledger: Ledger | None = None
    """Which words lie where in the audio of a spoken reply."""


class History:
    """The last items of a conversation."""

    def __init__(self, limit: int, name: str = "") -> None:
        self._limit = limit
        self._name = name
        self._named = 0
        self._kept: list[Kept] = []

    @property
    def named(self) -> int:
        return self._named

    def kept(self) -> tuple[Kept, ...]:
        """Everything, to be gone on with elsewhere."""
        return tuple(self._kept)

    def restore(self, kept: tuple[Kept, ...], named: int) -> None:
        self._kept, self._named = list(kept), named

    def new_name(self) -> str:
        """A name for the next item."""
        self._named += 1
        return f"item_{self._name}{self._named:04d}"

    # What is said

    def open(self, item: Item) -> None:
        """Keeps a place for something whose words are not known yet."""
        self._kept.append(Kept(item, known=False))
        del self._kept[: -self._limit]

    def tell(self, item: Item, ledger: Ledger | None = None) -> None:
        """The words of an item are known; its place is the one that was kept for it, or the end."""
        kept = self._find(item.id)
        if kept is None:
            self.open(item)
            kept = self._kept[-1]
        kept.item, kept.known, kept.ledger = item, True, ledger

    def forget(self, id: str) -> str:
        """An item is no part of the conversation any more; gives the words that it had."""
        kept = self._find(id)
        if kept is None:
            return ""
        self._kept.remove(kept)
        entry = kept.item.entry
        return entry.text if isinstance(entry, Message) else ""

    def forget_place(self, id: str) -> None:
        """What a place was kept for did not come."""
        kept = self._find(id)
        if kept is not None and not kept.known:
            self._kept.remove(kept)

    def entries(self) -> tuple[Entry, ...]:
        """What a prompt holds: everything that has words."""
        return tuple(_entry(kept.item) for kept in self._kept if kept.known and _has_words(kept.item.entry))

    def knows(self, id: str) -> bool:
        return self._find(id) is not None

    # What clients ask for

    def give(self, item: Item, after: str | None, *, known: bool = True) -> str:
        """Puts an item behind another one, which it names."""
        if self._find(item.id) is not None:
            raise ClientError("item_create_duplicate_item_id", f"There is an item '{item.id}' already.", "item.id")
        place = len(self._kept)
        if after is not None:
            place = 0 if not after else self._kept.index(self._known(after, "create", "previous_item_id")) + 1
        if len(self._kept) >= self._limit:
            gone = len(self._kept) - self._limit + 1
            del self._kept[:gone]
            place = max(place - gone, 0)
        self._kept.insert(place, Kept(item, known))
        return self._kept[place - 1].item.id if place else ""

    def resolve(self, entries: Iterable[Entry | str]) -> tuple[Entry, ...]:
        """Entries, of which some are the names of items."""
        return tuple(_entry(self._known(entry, "reference").item) if isinstance(entry, str) else entry for entry in entries)

    def show(self, id: str) -> Item:
        return self._known(id, "retrieve").item

    def delete(self, id: str) -> None:
        self._kept.remove(self._known(id, "delete"))

    def shorten(self, id: str, heard_ms: int) -> None:
        """Keeps of a spoken reply what was heard."""
        kept = self._known(id, "truncate")
        ledger = kept.ledger
        if ledger is None or not isinstance(kept.item.entry, Message):
            raise ClientError("item_truncate_invalid_item_id", f"The item '{id}' is no spoken reply.", "item_id")
        heard = to_samples(heard_ms, ledger.rate)
        if heard > ledger.samples:
            ms = ledger.samples * 1000 // ledger.rate
            message = f"Audio content of {ms}ms is already shorter than {heard_ms}ms"
            raise ClientError("invalid_value", message, "audio_end_ms")
        text, whole = ledger.text(heard), heard >= ledger.samples and kept.item.complete
        entry = replace(kept.item.entry, text=text)
        kept.item = replace(kept.item, entry=entry, complete=whole, heard_ms=heard_ms)

    def _find(self, id: str) -> Kept | None:
        return next((kept for kept in reversed(self._kept) if kept.item.id == id), None)

    def _known(self, id: str, purpose: str, param: str = "item_id") -> Kept:
        kept = self._find(id)
        if kept is None:
            raise ClientError(f"item_{purpose}_invalid_item_id", f"There is no item '{id}' in this conversation.", param)
        return kept


def _has_words(entry: Entry) -> bool:
    return not isinstance(entry, Message) or bool(entry.text)


def _entry(item: Item) -> Entry:
    entry = item.entry
    if item.complete or not isinstance(entry, Message):
        return entry
    return replace(entry, text=entry.text + CUT)
