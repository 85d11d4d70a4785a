"""Check whether the bridge can take captures and deliver them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from magento_eventbridge import file_descriptors
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import QueueError

Result = TypeVar("Result")

# After this time a check counts as unanswered.
_CHECK_SECONDS = 3.0
# Probes by several watchers must not load a disk or a database.
_CHECK_LASTS = 1.0


class CachedCheck(Generic[Result]):
    """A check that may be slow: only one runs at a time, and its result is kept for a while.

    Attributes:
        result: the result of the last check; None when it failed or took too long.
        fault: why there is no result; None when there is one.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Result]], *, seconds: float, lasts: float
    ) -> None:
        self.result: Result | None = None
        self.fault: str | None = "not checked yet"
        self._ask = ask
        self._seconds = seconds
        self._lasts = lasts
        self._asked_at = self._checked_at = float("-inf")
        self._running: asyncio.Future[Result] | None = None

    async def refresh(self) -> None:
        """Check again, unless the last check was just now; stop waiting after `seconds`.

        A check that has been waited for is not waited for again: everybody learns at once that it
        is unanswered.
        """
        if self._running is None:
            if time.monotonic() - self._checked_at < self._lasts:
                return
            self._running = asyncio.ensure_future(self._ask())
            self._running.add_done_callback(_forget)  # who waits may end before it
            self._asked_at = time.monotonic()
        running = self._running
        patience = self._asked_at + self._seconds - time.monotonic()
        # Not cancelled: the thread or connection that it uses could not be.
        await asyncio.wait([running], timeout=max(0.0, patience))
        if not running.done():
            self.result, self.fault = None, f"no answer within {self._seconds:.0f} s"
            return
        if self._running is running:
            self._running = None
            self._checked_at = time.monotonic()
            self._keep(running)

    def _keep(self, running: asyncio.Future[Result]) -> None:
        try:
            self.result, self.fault = running.result(), None
        except QueueError as error:
            self.result, self.fault = None, str(error)


def _forget(check: "asyncio.Future[Any]") -> None:
    """Take the error of a check that nobody may wait for any more."""
    if not check.cancelled():
        check.exception()


class Health:
    """The faults that keep the bridge from taking captures or delivering them.

    An unavailable bus is not such a fault, as a restart would not help: it is reported, and the
    bridge stays ready.
    """

    def __init__(self) -> None:
        self.phase: str | None = "starting"  # why the bridge does not work; None: it works
        self._checks: dict[str, CachedCheck[object]] = {}
        self._dispatchers: dict[str, Dispatcher] = {}

    def watch(
        self, name: str, check: Callable[[], Awaitable[object]], dispatcher: Dispatcher
    ) -> None:
        """Check a queue too: `check` raises QueueError when it cannot be used."""
        self._checks[name] = CachedCheck(check, seconds=_CHECK_SECONDS, lasts=_CHECK_LASTS)
        self._dispatchers[name] = dispatcher

    def forget(self, name: str) -> None:
        """Stop checking a queue."""
        del self._checks[name], self._dispatchers[name]

    async def faults(self) -> dict[str, str]:
        """Return the present faults by the name of the faulty part."""
        if self.phase:
            return {"bridge": self.phase}
        await asyncio.gather(*(check.refresh() for check in self._checks.values()))
        faults = {name: check.fault for name, check in self._checks.items() if check.fault}
        if shortage := file_descriptors.shortage():
            faults["file descriptors"] = shortage
        return faults

    @property
    def problems(self) -> dict[str, str]:
        """Destinations that take no events now, and the reasons."""
        return {
            name: reason
            for dispatcher in self._dispatchers.values()
            for name, reason in dispatcher.problems.items()
        }
