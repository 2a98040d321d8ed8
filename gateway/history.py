"""The last half hour of the cluster, a point every few seconds, in columns as charts want them."""

from collections import deque

_KEPT_S = 1_800.0
POINT_S = 5.0

Point = dict[str, float | None]
"""One moment: `at` in seconds since 1970, and figures by name; None where nothing was measured."""


class History:
    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=round(_KEPT_S / POINT_S))

    def due(self, at: float) -> bool:
        # Looks come a little early or late; a point should not be left out for that.
        return not self._points or at - (self._points[-1]["at"] or 0.0) >= POINT_S - 0.5

    def add(self, point: Point) -> None:
        self._points.append(point)

    def columns(self) -> dict[str, list[float | None]]:
        """A provider or a pool that came later was nothing before."""
        names = dict.fromkeys(name for point in self._points for name in point)
        return {name: [point.get(name) for point in self._points] for name in names}
