"""Move messages that must wait out of the way for a while, so that those behind them arrive."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, cast

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.background import Background
from magento_eventbridge.queues.amqp.connection import AmqpConnection, while_open
from magento_eventbridge.queues.amqp.messages import HeldMessage
from magento_eventbridge.queues.amqp.publishing import OURS, Publisher
from magento_eventbridge.queues.amqp.safe_copies import SafeCopies
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)

# A queue's name with this ending: messages that must wait, moved out of the way.
_ASIDE = ".set-aside"
# That of former versions, which the broker empties by itself, perhaps while no queue takes them.
_FORMER = ".aside"
# A classic queue: to look at a message costs no delivery there, whatever a policy says.
_OF_ASIDE: dict[str, str | int] = {"x-queue-type": "classic"}
# In milliseconds since the epoch: until when a message is to wait.
_UNTIL = f"{OURS}until"
# How many messages, or bytes, are returned at once.
_AT_ONCE = 100
_BYTES_AT_ONCE = 4_000_000


class Aside:
    """The queue of messages that must wait, from which the bridge moves them to the safe copies.

    So events about one thing may change their order. The broker could move them when their time is
    over, but it drops what the other queue does not take in that moment.
    """

    def __init__(
        self,
        connection: AmqpConnection,
        publisher: Publisher,
        queue: str,
        timing: AmqpTiming,
        copies: SafeCopies,
    ) -> None:
        self.name = f"{queue}{_ASIDE}"
        self._former = f"{queue}{_FORMER}"
        self._connection = connection
        self._publisher = publisher
        self._copies = copies
        self._timing = timing
        self._is_created = False
        self._retries_at = 0.0
        self._has_logged = False
        self._returning = Background()
        self._returns_at = 0.0
        self._is_closing = False
        self._has_logged_return = False

    async def make_way(self, messages: Sequence[HeldMessage]) -> set[HeldMessage]:
        """Move messages that hold up others, unless this failed just now; otherwise as `move`."""
        if time.monotonic() < self._retries_at:
            return set()
        return await self.move(messages)

    async def move(self, messages: Sequence[HeldMessage]) -> set[HeldMessage]:
        """Move messages; return those that are safe in the other queue."""
        moved, problem = await self._move(messages)
        if problem is None:
            self._has_logged = False
            return moved
        self._retries_at = time.monotonic() + self._timing.aside_retry
        if not self._has_logged:
            self._has_logged = True
            log.warning(
                "Messages that must wait could not all be moved to '%s': %s. They hold up the "
                "messages behind them. Retrying until it works.",
                self.name,
                problem,
            )
        return moved

    async def _move(
        self, messages: Sequence[HeldMessage]
    ) -> tuple[set[HeldMessage], QueueError | None]:
        """Return the messages that are safe in the other queue, and why others are not."""
        try:
            await self._connection.declare(self.name, _OF_ASIDE)
            if not self._is_created:
                await self._connection.delete_empty(self._former)
                self._is_created = True
        except QueueError as error:
            return set(), error
        until = {_UNTIL: int((time.time() + self._timing.aside_for) * 1000)}
        problems = await _each(
            self._publisher.copy(self.name, message.delivered, until) for message in messages
        )
        self._returns_at = min(self._returns_at, time.monotonic() + self._timing.aside_for)
        moved = {
            message for message, problem in zip(messages, problems, strict=True) if problem is None
        }
        return moved, next(filter(None, problems), None)

    @property
    def is_returning(self) -> bool:
        """Whether messages are being returned."""
        return bool(self._returning)

    def return_due(self) -> None:
        """Begin to return the messages that have waited long enough, of all bridges."""
        if not self._returning and time.monotonic() >= self._returns_at:
            self._returning.start(self._return_due())

    async def finish(self, within: float) -> None:
        """Wait until what is being returned is safe, at most so many seconds."""
        await self._returning.finish(within)

    async def close(self, within: float) -> None:
        """Return no further messages; otherwise as `finish`."""
        self._is_closing = True
        await self.finish(within)

    async def _return_due(self) -> None:
        try:
            pause = await self._return_all()
            self._has_logged_return = False
        except QueueError as error:
            pause = self._timing.aside_retry
            if not self._has_logged_return:
                self._has_logged_return = True
                log.warning(
                    "Messages that have waited in '%s' cannot be moved to '%s': %s. They stay "
                    "there. Retrying until it works.",
                    self.name,
                    self._copies.name,
                    error,
                )
        self._returns_at = time.monotonic() + pause

    async def _return_all(self) -> float:
        """Return what has waited long enough; return after how many seconds to look again."""
        if not await self._connection.count(self.name):
            return self._timing.finds_returned_every
        await self._copies.create()
        async with self._connection.asking() as channel:  # what is not acknowledged goes back
            while not self._is_closing:
                due, pause = await self._due(channel)
                if not due:
                    return pause
                problems = await _each(self._return(channel, message) for message in due)
                if problem := next(filter(None, problems), None):
                    raise problem
        return self._timing.finds_returned_every

    async def _due(self, channel: AbstractChannel) -> tuple[list[DeliveredMessage], float]:
        """Receive messages that have waited long enough; return also when to look for others."""
        due: list[DeliveredMessage] = []
        size, longest = 0, self._timing.finds_returned_every
        while len(due) < _AT_ONCE and size < _BYTES_AT_ONCE:
            delivered = await channel.basic_get(self.name)
            if not isinstance(delivered.delivery, spec.Basic.GetOk):
                return due, longest
            if (left := self._left(delivered)) > 0:
                await while_open(channel, channel.basic_nack(_tag(delivered), requeue=True))
                return due, min(left, longest)
            due.append(delivered)
            size += len(delivered.body)
        return due, 0.0

    def _left(self, delivered: DeliveredMessage) -> float:
        """Return how many seconds a message has to wait."""
        until = (delivered.header.properties.headers or {}).get(_UNTIL)
        left = until / 1000 - time.time() if isinstance(until, int) else 0.0
        return left if left <= self._timing.aside_for else 0.0  # the clock was set back

    async def _return(self, channel: AbstractChannel, delivered: DeliveredMessage) -> None:
        await self._publisher.renew(self._copies.name, delivered)
        with self._connection.explained():
            await while_open(channel, channel.basic_ack(_tag(delivered)))


def _tag(delivered: DeliveredMessage) -> int:
    return cast("int", delivered.delivery_tag)


async def _each(works: Iterable[Coroutine[Any, Any, None]]) -> list[QueueError | None]:
    """Do all at once; return of each why it failed."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if result is not None and not isinstance(result, QueueError):
            raise result
    return cast("list[QueueError | None]", results)
