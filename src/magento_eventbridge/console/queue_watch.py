"""Watch a queue for the console's pages, which must not wait for one that does not answer."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from magento_eventbridge.console.bridge_status import QueueState
from magento_eventbridge.delivery.ports import DeadLetter, Queue, QueueError

Result = TypeVar("Result")

# A page waits so many seconds for the number of captures in a queue; then it shows the last one.
_PAGE_WAITS = 1.0
# A count that takes longer than this, or many times as long as the one before, is an outage.
_SILENT_AFTER = 5.0
_SILENT_AFTER_COUNTS = 3
# A queue is counted again after this many seconds, or this many times as long as counting took:
# counting a backlog of millions must not keep the queue busy.
_COUNTS_FOR = 1.0
_REST_AFTER_COUNTING = 20
_LONGEST_REST = 30.0
# In seconds, for reading dead letters of a queue that was counted just now.
_LETTERS_WITHIN = 3.0


class QueueWatch:
    """Counts a queue, one count at a time, and remembers the last result."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self._state = QueueState(queue.name, None, "it has not answered yet")
        self._counting: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._took = 0.0
        self._rests_until = float("-inf")

    async def state(self, *, refresh: bool = False) -> QueueState:
        """Return what the queue holds; with `refresh`, count it again if it was just counted."""
        if self._counting is None and (refresh or time.monotonic() >= self._rests_until):
            self._asked_at = time.monotonic()
            self._counting = asyncio.create_task(self._count(), name=f"depth of {self.queue.name}")
        if self._counting is None:
            return self._state
        silent_for = time.monotonic() - self._asked_at
        if silent_for < _PAGE_WAITS:
            await asyncio.wait([self._counting], timeout=_PAGE_WAITS - silent_for)
            silent_for = time.monotonic() - self._asked_at
        if self._counting and silent_for > max(_SILENT_AFTER, _SILENT_AFTER_COUNTS * self._took):
            return QueueState(self.queue.name, None, f"no answer for {silent_for:.0f} s")
        return self._state

    async def _count(self) -> None:
        name = self.queue.name
        try:
            self._state = QueueState(name, await self.queue.depth())
        except QueueError as error:
            self._state = QueueState(name, None, str(error))
        finally:
            self._counting = None
        self._took = time.monotonic() - self._asked_at
        rest = min(max(_COUNTS_FOR, self._took * _REST_AFTER_COUNTING), _LONGEST_REST)
        self._rests_until = time.monotonic() + rest

    async def letters(self) -> "PromptLetters":
        """Return the dead letters of the queue.

        Raises:
            QueueError: the queue does not answer now.
        """
        state = await self.state()
        if state.error:
            raise _unread(self.queue.name, state.error)
        return PromptLetters(self.queue)

    async def close(self) -> None:
        """Stop waiting for the queue."""
        if self._counting:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)


class PromptLetters:
    """The dead letters of a queue that must answer in time."""

    def __init__(self, queue: Queue) -> None:
        self._name = queue.name
        self._letters = queue.dead_letters

    async def count(self) -> int:
        """Return how many there are."""
        return await self._in_time(self._letters.count())

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        page = self._letters.page(limit, after=after, with_bodies=with_bodies)
        return await self._in_time(page)

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        return await self._in_time(self._letters.find(letter))

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; it may take long."""
        return await self._letters.redrive(letters)

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; it may take long."""
        return await self._letters.drop(letters)

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        # Not cancelled: the thread or connection that it uses could not be.
        reading = asyncio.ensure_future(work)
        reading.add_done_callback(_forget)  # the page may end before it
        await asyncio.wait([reading], timeout=_LETTERS_WITHIN)
        if not reading.done():
            raise _unread(self._name, f"no answer for {_LETTERS_WITHIN:.0f} s")
        try:
            return reading.result()
        except QueueError as error:
            raise _unread(self._name, error) from error


def _unread(queue: str, reason: object) -> QueueError:
    return QueueError(f"The queue '{queue}' cannot be read now: {reason}")


def _forget(reading: "asyncio.Future[Any]") -> None:
    """Take the error of what nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()
