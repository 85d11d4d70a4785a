"""Move messages that must wait out of the way for a while, so that those behind them arrive."""

import asyncio
import logging
import time
from collections.abc import Sequence

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.messages import HeldMessage
from magento_eventbridge.queues.amqp.publishing import Publisher
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)

# A queue's name with this ending: messages that must wait, moved out of the way.
_ASIDE = ".aside"


class Aside:
    """The queue whose messages come back by themselves, to the end of the queue itself.

    So events about one thing may change their order.
    """

    def __init__(
        self, connection: AmqpConnection, publisher: Publisher, queue: str, timing: AmqpTiming
    ) -> None:
        self.name = f"{queue}{_ASIDE}"
        self._connection = connection
        self._publisher = publisher
        self._queue = queue
        self._timing = timing
        self._retries_at = 0.0
        self._has_logged = False

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
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._queue}
        milliseconds = int(self._timing.aside_for * 1000)
        try:
            await self._connection.declare(self.name, {"x-message-ttl": milliseconds, **back})
        except QueueError as error:
            return set(), error
        results = await asyncio.gather(
            *(self._publisher.copy(self.name, message.delivered) for message in messages),
            return_exceptions=True,
        )
        problem: QueueError | None = None
        moved: set[HeldMessage] = set()
        for message, result in zip(messages, results, strict=True):
            if result is None:
                moved.add(message)
            elif isinstance(result, QueueError):
                problem = result
            else:
                raise result
        return moved, problem
