"""The order of the items that a client was told of, as far as they are remembered."""


class ItemOrder:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: list[str] = []

    @property
    def last(self) -> str | None:
        return self._ids[-1] if self._ids else None

    def add(self, id: str) -> str | None:
        """At the end; gives the item before it."""
        before = self.last
        self._ids.append(id)
        del self._ids[: -self._limit]
        return before

    def put(self, id: str, after: str) -> str | None:
        """Behind another item, or at the beginning if that is empty; gives the item before it."""
        if after and after not in self._ids:
            # The client was not told of that one yet.
            return self.add(id)
        self._ids.insert(self._ids.index(after) + 1 if after else 0, id)
        del self._ids[: -self._limit]
        return after or None

    def before(self, id: str) -> str | None:
        """The item before one that is there."""
        place = self._ids.index(id) if id in self._ids else 0
        return self._ids[place - 1] if place else None

    def remove(self, id: str) -> None:
        if id in self._ids:
            self._ids.remove(id)
