"""Report an outage to people: once, again at most each minute, each new reason, and the end."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from magento_eventbridge.delivery.backoff import Backoff

log = logging.getLogger(__name__)

_REMINDS_EVERY = 60.0  # seconds
# In seconds: how long after one reason another is reported. The first may only say that the
# connection ended, and the next why there is no new one.
_NEW_REASON_AFTER = 5.0
_MOST_REASONS = 10  # in one outage: some contain numbers that change
# In seconds: most connections wait longer for an answer before they fail.
_SILENT_AFTER = 10.0
_READS_WITHIN = 0.5
# Short, so that a bridge notices the end before others hand out what it had claimed.
_LONGEST_PAUSE = 2.0


class Outage:
    """Something that others depend on, and that may be unavailable for a while."""

    def __init__(
        self,
        lost: str,
        found: str,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Say what cannot be done, as `Cannot read the queue`, and what can be done again."""
        self._lost = lost
        self._found = found
        self._backoff = backoff or Backoff(longest=_LONGEST_PAUSE)
        self._clock = clock
        self._failures = 0
        self._reported_at = float("-inf")
        self._reasons: set[str] = set()  # those reported in this outage

    def goes_on(self, reason: object) -> float:
        """Record one more failure; return the pause before the next try, in seconds."""
        self._failures += 1
        now = self._clock()
        is_new = str(reason) not in self._reasons and len(self._reasons) < _MOST_REASONS
        if now - self._reported_at >= (_NEW_REASON_AFTER if is_new else _REMINDS_EVERY):
            self._reported_at = now
            self._reasons.add(str(reason))
            log.error("%s: %s. Retrying until it works.", self._lost, reason)
        pause = self._backoff.delay(self._failures, random.random())  # noqa: S311
        return min(pause, _LONGEST_PAUSE)

    @contextmanager
    def reports_silence(
        self, seconds: float | None = None, *, unless: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Record a failure while the work in this context has no answer.

        Args:
            seconds: after which there should be one.
            unless: whether the work then waits for something else.
        """
        after = _SILENT_AFTER if seconds is None else seconds

        async def wait() -> None:
            await asyncio.sleep(after)
            # A process that was paused first reads the answers that came meanwhile.
            await asyncio.sleep(_READS_WITHIN)
            if not unless():
                self.goes_on(f"no answer for {after:.0f} s")

        waiting = asyncio.create_task(wait(), name="silence")
        try:
            yield
        finally:
            waiting.cancel()

    def is_over(self) -> None:
        """Record a success."""
        if self._failures:
            log.warning("%s.", self._found)
            self._failures, self._reported_at = 0, float("-inf")
            self._reasons.clear()
