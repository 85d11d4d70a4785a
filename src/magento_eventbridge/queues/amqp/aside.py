"""Move messages that must wait out of the way for a while, so that those behind them arrive."""

import asyncio
import logging
import time
from collections.abc import Sequence

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.messages import HeldMessage
from magento_eventbridge.queues.amqp.publishing import Publisher
from magento_eventbridge.queues.amqp.safe_copies import SafeCopies
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)

# A queue's name with this ending: messages that must wait, moved out of the way.
_ASIDE = ".aside"


class Aside:
    """The queue whose messages come back by themselves, to the queue of safe copies.

    So events about one thing may change their order. To the queue itself they do not come back:
    the broker drops what comes back to a queue that was deleted, or that takes no more.
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
        self._connection = connection
        self._publisher = publisher
        self._copies = copies
        self._timing = timing
        self._is_ours = False  # declared by this version
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
        arguments: dict[str, str | int] = {
            "x-queue-type": "classic",
            "x-message-ttl": int(self._timing.aside_for * 1000),
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self._copies.name,
        }
        try:
            await self._copies.create()
            if not self._is_ours:  # that of a former version gives back to the queue itself
                await self._connection.delete_empty(self.name)
            await self._connection.declare(self.name, arguments)
            self._is_ours = True
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
