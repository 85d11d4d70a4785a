"""Count the deliveries and failed tries of the last minute, to the second, in memory."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_SECONDS = 60


class Outcomes(NamedTuple):
    """How many events were delivered, and how many tries failed."""

    delivered: int
    failed: int


class LastMinute:
    """One thread adds; any thread may ask."""

    def __init__(self) -> None:
        # By second, destination and whether it was delivered; replaced, never changed.
        self._counts: Counter[tuple[int, str, bool]] = Counter()

    def add(self, ends: Iterable[tuple[float, str, bool]]) -> None:
        """Count ends of tries: when, at which destination, and whether the event was delivered."""
        counts = Counter((int(at), to, is_delivered) for at, to, is_delivered in ends)
        if not counts:
            return
        oldest = max(second for second, _, _ in counts) - _SECONDS
        kept = {key: number for key, number in self._counts.items() if key[0] >= oldest}
        self._counts = Counter(kept) + counts

    def outcomes(self, now: float, destination: str | None = None) -> Outcomes:
        """Return the outcomes at a destination, or (None) at all, until `now`, since the epoch."""
        found = [0, 0]
        for (second, to, is_delivered), number in self._counts.items():
            if second > now - _SECONDS and destination in (None, to):
                found[is_delivered] += number
        return Outcomes(delivered=found[True], failed=found[False])
