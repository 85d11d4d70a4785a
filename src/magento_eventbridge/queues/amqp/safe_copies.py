"""Copy messages that came back to a queue of ours, where no delivery limit can drop them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.acknowledgements import Acknowledgements
from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.publishing import Publisher
from magento_eventbridge.queues.amqp.returns import send_test
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)

# A queue's name with this ending: messages that came back, safe from the queue's delivery limit.
_RETURNED = ".returned"
# A classic queue: those have no delivery limit, whatever a policy says.
_OF_RETURNED: dict[str, str | int] = {"x-queue-type": "classic"}


class SafeCopies:
    """The queue of the copies, and what is copied to it."""

    def __init__(
        self,
        connection: AmqpConnection,
        publisher: Publisher,
        queue: str,
        timing: AmqpTiming,
        acknowledgements: Acknowledgements,
        prepare: Callable[[AbstractChannel], Awaitable[None]],
    ) -> None:
        """Prepare; `prepare` consumes this queue before a message is replaced by a copy in it."""
        self.name = f"{queue}{_RETURNED}"
        self._connection = connection
        self._publisher = publisher
        self._retry = timing.aside_retry
        self._acknowledgements = acknowledgements
        self._prepare = prepare
        self._has_logged = False
        self._asks_again_at = 0.0

    async def create(self) -> None:
        """Create the queue where necessary."""
        await self._connection.declare(self.name, _OF_RETURNED)

    async def take_messages(self) -> bool:
        """Return whether the queue takes messages now; if it refuses one, ask again later only."""
        if time.monotonic() < self._asks_again_at:
            return False
        try:
            await self.create()
            await send_test(self._connection, self.name)
        except QueueError as error:
            self._asks_again_at = time.monotonic() + self._retry
            if not self._has_logged:
                self._has_logged = True
                log.warning(
                    "The queue '%s' takes no messages: %s. Messages of a queue whose delivery "
                    "limit is low, or unknown, are copied there first, so none are received. "
                    "Retrying until it works.",
                    self.name,
                    error,
                )
            return False
        self._has_logged = False
        return True

    async def rescue(self, delivered: DeliveredMessage) -> None:
        """Copy a message; it is safe when this returns."""
        await self.create()
        await self._publisher.renew(self.name, delivered)

    async def replace(self, delivered: DeliveredMessage, tag: int) -> None:
        """Copy a message, and acknowledge it by the tag of its delivery when the copy is safe."""
        channel = delivered.channel
        while self._acknowledgements.is_expected(channel, tag) and not channel.is_closed:
            try:
                await self._prepare(channel)
                await self._publisher.renew(self.name, delivered)
                await self._acknowledgements.acknowledge(channel, [tag])
            except QueueError as error:
                # It is not lost: the broker redelivers it once this channel has ended.
                if not self._has_logged:
                    log.warning(
                        "A message could not be copied to '%s': %s. A delivery limit of its queue "
                        "may drop it. Retrying until it works.",
                        self.name,
                        error,
                    )
                self._has_logged = True
                await asyncio.sleep(self._retry)
            else:
                self._has_logged = False
