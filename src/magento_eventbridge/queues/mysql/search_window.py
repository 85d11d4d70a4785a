"""Where in a table to search for waiting captures: everywhere, or only in recent rows. Pure.

Former versions of rows stay in the index as long as an older snapshot is open, such as that of a
backup. To search everything then takes seconds, so it is done seldom, and in between the search
begins at the last capture that was claimed.
"""

import heapq
from collections.abc import Sequence

# Slow searches of everything take one part in so many of the time.
_SHARE = 50.0
# In seconds. A search of everything is done at least this often.
_LONGEST_PAUSE = 40.0
# In seconds, with what each row that was found may take. A search that takes longer is slow; others
# may follow each other.
_QUICK = 0.005
_QUICK_PER_ROW = 0.00001
# In seconds. Slow searches may be so far ahead of their share: on a busy machine any may be slow.
_AHEAD = 20.0
# So many of the newest ids are always searched: concurrent transactions commit out of order.
_OVERLAP = 1000
# In seconds: rows become available by the database's clock.
_LATE = 0.05


class SearchWindow:
    """Decides from which id on to search."""

    def __init__(self) -> None:
        self._beyond = 0
        self._everything_at = float("-inf")
        self._is_paid_at = float("-inf")  # when slow searches have taken no more than their share
        self._is_repeatable = False  # the last search of everything
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
        return None if self._is_repeatable or now >= self._everything_at else self.recent

    @property
    def recent(self) -> int:
        """The id after which recent rows begin."""
        return max(0, self._beyond - _OVERLAP)

    def is_too_narrow(self, found: Sequence[int]) -> bool:
        """Return whether lower ids may come before the ids, in order, found after `start`."""
        # One of many that were committed late: others may have been committed with it.
        return bool(found) and found[0] <= self._beyond - _OVERLAP // 2

    def searched_everything(self, now: float, seconds: float, found: int) -> None:
        """Record when a search of everything ended, how long it took, and how much it found."""
        is_quick = seconds <= _QUICK + found * _QUICK_PER_ROW
        pause = min(_SHARE * seconds, _LONGEST_PAUSE)
        self._everything_at = now + pause
        if not is_quick:
            paid_at = max(self._is_paid_at, now - _AHEAD) + pause
            self._is_paid_at = min(paid_at, now + _LONGEST_PAUSE)
        self._is_repeatable = is_quick or self._is_paid_at <= now

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
