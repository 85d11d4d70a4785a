"""Where in a table to search for waiting captures: everywhere, or only in recent rows. Pure.

Deleted rows stay in the index as long as an older snapshot is open, such as that of a backup. To
search everything then takes seconds, so it is done seldom, and in between the search begins at the
last capture that was claimed.
"""

import heapq

# A search of everything takes at most this share of the time, and is done at least this often.
_SHARE = 50.0
_LONGEST_PAUSE = 40.0
# So many of the newest ids are always searched: concurrent transactions commit out of order.
_OVERLAP = 500
# In seconds: rows become available by the database's clock.
_LATE = 0.05


class SearchWindow:
    """Decides from which id on to search."""

    def __init__(self) -> None:
        self._beyond = 0
        self._everything_at = float("-inf")
        self._returns: list[tuple[float, int]] = []  # when a returned capture is due, and its id

    def start(self, now: float) -> int:
        """Return the id after which to search; 0: everything."""
        while self._returns and self._returns[0][0] <= now:
            self._beyond = min(self._beyond, heapq.heappop(self._returns)[1] - 1)
        if now >= self._everything_at:
            return 0
        return max(0, self._beyond - _OVERLAP)

    def shows_long_transaction(self, first: int) -> bool:
        """Return whether the lowest id that was found is one of many that were committed late.

        Then lower ones may have been committed with it, which come first.
        """
        return first <= self._beyond - _OVERLAP // 2

    def searched_everything(self, now: float, seconds: float) -> None:
        """Record how long a search of everything took."""
        self._everything_at = now + min(_SHARE * seconds, _LONGEST_PAUSE)

    def searched(self, *, left: int | None, last: int | None, is_all: bool) -> None:
        """Record the result of a search.

        Args:
            left: the lowest id that was found and not claimed, if any.
            last: the highest id that was found, if any.
            is_all: whether there is nothing waiting behind it.
        """
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
