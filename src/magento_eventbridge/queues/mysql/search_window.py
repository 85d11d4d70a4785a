"""Where in a table to search for waiting captures: everywhere, or only in recent rows. Pure.

Former versions of rows stay in the index as long as an older snapshot is open, such as that of a
backup. To search everything then takes seconds, so it is done seldom, and in between the search
begins at the last capture that was claimed.
"""

import heapq
import math
from collections.abc import Sequence

# Slow searches of everything take one part in so many of the time.
_SHARE = 50.0
# In seconds. A search of everything is done at least this often.
_LONGEST_PAUSE = 40.0
# In seconds. A search that takes longer is slow; others may follow each other.
_QUICK = 0.005
# In seconds. Slow searches may be so far ahead of their share: on a busy machine any may be slow.
_AHEAD = 20.0
# So many of the newest ids are always searched: concurrent transactions commit out of order.
_OVERLAP = 1000
# In seconds: rows become available by the database's clock.
_LATE = 0.05


class SearchWindow:
    """Decides from which id on to search."""

    def __init__(self, *, slows_with_backlog: bool = False) -> None:
        """Create it.

        Args:
            slows_with_backlog: whether a search of everything takes longer the more there is.
        """
        self._slows_with_backlog = slows_with_backlog
        self._beyond = 0
        self._everything_at = float("-inf")
        self._is_paid_at = float("-inf")  # when slow searches have taken no more than their share
        self._is_repeatable = False  # the last search of everything
        self._covered = math.inf  # the newest id at that time; infinite: unknown, or not repeatable
        self._is_backlog = False  # more waits than was claimed
        self._returns: list[tuple[float, int]] = []  # when a returned capture is due, and its id

    @property
    def is_backlog(self) -> bool:
        """Whether more waits than was claimed last."""
        return self._is_backlog

    @property
    def is_repeatable(self) -> bool:
        """Whether another search of everything may follow the last at once."""
        return self._is_repeatable

    def start(self, now: float) -> int | None:
        """Return the id after which to search; None: everything."""
        while self._returns and self._returns[0][0] <= now:
            self._beyond = min(self._beyond, heapq.heappop(self._returns)[1] - 1)
        is_slowed = self._is_backlog and self._slows_with_backlog
        if (self._is_repeatable and not is_slowed) or now >= self._everything_at:
            return None
        return max(0, self._beyond - _OVERLAP)

    def is_too_narrow(self, found: Sequence[int], *, is_all: bool) -> bool:
        """Return whether lower ids may come before the ids that were found after `start`.

        Args:
            found: the ids, in order.
            is_all: whether there is nothing waiting behind them.
        """
        # One of many that were committed late: others may have been committed with it.
        if found and found[0] <= self._beyond - _OVERLAP // 2:
            return True
        # What came after the last search of everything comes after what was committed since.
        is_covered = not is_all and found[-1] <= self._covered
        return self._is_backlog and self._covered < math.inf and not is_covered

    def searched_everything(self, now: float, seconds: float, newest: float = math.inf) -> None:
        """Record how long a search of everything took.

        Args:
            now: when it ended.
            seconds: how long it took.
            newest: the newest id before it, waiting or not; infinite if unknown.
        """
        pause = min(_SHARE * seconds, _LONGEST_PAUSE)
        self._everything_at = now + pause
        if seconds > _QUICK:
            paid_at = max(self._is_paid_at, now - _AHEAD) + pause
            self._is_paid_at = min(paid_at, now + _LONGEST_PAUSE)
        self._is_repeatable = seconds <= _QUICK or self._is_paid_at <= now
        self._covered = newest if self._is_repeatable else math.inf

    def searched(self, *, left: int | None, last: int | None, is_all: bool) -> None:
        """Record the result of a search.

        Args:
            left: the lowest id that was found and not claimed, if any.
            last: the highest id that was found, if any.
            is_all: whether there is nothing waiting behind it.
        """
        self._is_backlog = not is_all
        if left is not None:
            self._beyond = left - 1
        elif last is not None:
            self._beyond = max(self._beyond, last) if is_all else last

    def returned(self, number: int, due: float) -> None:
        """Record that a capture is to be found again."""
        heapq.heappush(self._returns, (due + _LATE, number))

    def search_everything(self) -> None:
        """Search everything next: captures with any id may have become available."""
        self._everything_at = float("-inf")
