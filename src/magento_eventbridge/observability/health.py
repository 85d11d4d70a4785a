"""Whether the bridge can do its work now, as far as it can know."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import QueueError

Result = TypeVar("Result")

# Then whoever asked is told that there is no answer.
_CHECK_SECONDS = 3.0
# Probes of several watchers shall not become work for a disk or a database.
_CHECK_LASTS = 1.0


class CachedCheck(Generic[Result]):
    """A look at something that may take its time: one at once, however many want to know.

    Attributes:
        result: what the last look gave; None when it failed or had no answer in time.
        fault: why; None when there was an answer.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Result]], *, seconds: float, lasts: float
    ) -> None:
        self.result: Result | None = None
        self.fault: str | None = "not looked at yet"
        self._ask = ask
        self._seconds = seconds
        self._lasts = lasts
        self._looked_at = float("-inf")
        self._looking: asyncio.Future[Result] | None = None

    async def take(self) -> None:
        """Look again, unless the last look was just now; gives up waiting after `seconds`."""
        if self._looking is None:
            if time.monotonic() - self._looked_at < self._lasts:
                return
            self._looking = asyncio.ensure_future(self._ask())
        looking = self._looking
        # It is not cancelled: the thread or connection that works on it could not be.
        await asyncio.wait([looking], timeout=self._seconds)
        if not looking.done():
            self.result, self.fault = None, f"no answer within {self._seconds:.0f} s"
            return
        if self._looking is looking:
            self._looking = None
            self._looked_at = time.monotonic()
            self._note(looking)

    def _note(self, looking: asyncio.Future[Result]) -> None:
        try:
            self.result, self.fault = looking.result(), None
        except QueueError as error:
            self.result, self.fault = None, str(error)


class Health:
    """What keeps the bridge from taking captures or from delivering them.

    That AWS takes nothing is no fault of the bridge, and no restart mends it: it is told, and
    the bridge is ready all the same.
    """

    def __init__(self) -> None:
        self.phase: str | None = "starting"  # why it does not work at all; None: it does
        self._checks: dict[str, CachedCheck[object]] = {}
        self._dispatchers: list[Dispatcher] = []

    def watch(
        self, name: str, check: Callable[[], Awaitable[object]], dispatcher: Dispatcher
    ) -> None:
        """Let a queue count: `check` raises QueueError when it cannot be used."""
        self._checks[name] = CachedCheck(check, seconds=_CHECK_SECONDS, lasts=_CHECK_LASTS)
        self._dispatchers.append(dispatcher)

    async def faults(self) -> dict[str, str]:
        """Give what keeps it from its work, each by the name of what is at fault."""
        if self.phase:
            return {"bridge": self.phase}
        await asyncio.gather(*(look.take() for look in self._checks.values()))
        return {name: look.fault for name, look in self._checks.items() if look.fault}

    @property
    def problems(self) -> dict[str, str]:
        """Destinations that take no events now, and why."""
        return {
            name: reason
            for dispatcher in self._dispatchers
            for name, reason in dispatcher.problems.items()
        }
