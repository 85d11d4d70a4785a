"""An outage as people are told of it: once, again at most each minute, and when it is over."""

import logging
import random
import time
from collections.abc import Callable

from magento_eventbridge.delivery.backoff import Backoff

log = logging.getLogger(__name__)

_REMINDS_EVERY = 60.0  # seconds
# So that the end of it is soon noticed: by a bridge before others give away what it had claimed.
_LONGEST_PAUSE = 2.0


class Outage:
    """Something that others depend on, and that may be away for a while."""

    def __init__(
        self,
        lost: str,
        found: str,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name what cannot be done, as `Cannot read the queue`, and what can be done again."""
        self._lost = lost
        self._found = found
        self._backoff = backoff or Backoff(longest=_LONGEST_PAUSE)
        self._clock = clock
        self._failures = 0
        self._told_at = float("-inf")

    def goes_on(self, reason: object) -> float:
        """Take note of one more failure; gives the pause before the next try, in seconds."""
        self._failures += 1
        now = self._clock()
        if now - self._told_at >= _REMINDS_EVERY:
            self._told_at = now
            log.error("%s: %s. Trying until it works.", self._lost, reason)
        pause = self._backoff.delay(self._failures, random.random())  # noqa: S311
        return min(pause, _LONGEST_PAUSE)

    def is_over(self) -> None:
        """Take note that it works, as it may have done all along."""
        if self._failures:
            log.warning("%s.", self._found)
            self._failures, self._told_at = 0, float("-inf")
