"""Keep track of how often the queue keeps a message that comes back: a policy may change."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiormq.abc import DeliveredMessage

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.returns import (
    Returns,
    alone,
    check_returns,
    send_test,
    show_tested,
)
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)


class ReturnChecks:
    """What is known about returned messages, and when it is checked again."""

    def __init__(
        self,
        publishing: AmqpConnection,
        asking: AmqpConnection,
        queue: str,
        timing: AmqpTiming,
        copies: str,
        rescue: Callable[[DeliveredMessage], Awaitable[None]],
        can_rescue: Callable[[], Awaitable[bool]],
        consumes_copies: Callable[[], bool],
        unsafe: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            publishing, asking: the connections for messages, and for questions.
            queue: the queue that is checked.
            timing: how often it is checked.
            copies: the queue of the safe copies.
            rescue: copies a message there.
            can_rescue: returns whether that queue takes messages.
            consumes_copies: returns whether this bridge consumes the queue of the safe copies.
            unsafe: is called when the queue no longer keeps the messages in hand.
        """
        self.returns = Returns.UNKNOWN
        self.has_rescued = False  # whether a test saved a message of the shop
        self._publishing = publishing
        self._asking = asking
        self._queue = queue
        self._timing = timing
        self._copies = copies
        self._rescue_message = rescue
        self._can_rescue = can_rescue
        self._consumes_copies = consumes_copies
        self._unsafe = unsafe
        self._checks_at = 0.0
        self._checking: asyncio.Task[None] | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time to check."""
        return time.monotonic() >= self._checks_at

    @property
    def moves(self) -> bool:
        """Whether messages are moved to the queue of safe copies before they are claimed."""
        return self.returns in (Returns.UNKNOWN, Returns.SELDOM)

    def begin_again(self) -> None:
        """Forget what is known, as for a new channel: a policy may have changed."""
        self._checks_at = 0.0
        if self.returns.may_be_consumed:
            self.returns = Returns.UNKNOWN

    def check_later(self) -> None:
        """Check in the background, if it is time, whether the queue still keeps what returns."""
        if self.is_due and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check_alone())

    async def _check_alone(self) -> None:
        async with alone(self._asking, self._queue) as is_alone:
            await self.check(is_alone=is_alone, is_consumed=True)

    async def check(self, *, is_alone: bool, is_consumed: bool = False) -> None:
        """Find out how often the queue keeps a message that is returned.

        Args:
            is_alone: whether no other bridge tests meanwhile.
            is_consumed: whether this bridge consumes the queue, perhaps by a new consumer soon.
        """
        queue, was = self._queue, self.returns
        self._checks_at = time.monotonic() + self._timing.checks_returns_every
        try:
            others = await self._asking.consumers(self._copies)
            if self._consumes_copies():
                others -= 1

            async def may_take() -> bool:
                # Another bridge that stops consuming for a moment would receive what is returned.
                return others <= 0 and await self._can_rescue()

            returns = await check_returns(
                self._publishing,
                self._asking,
                queue,
                self._rescue,
                is_alone=is_alone,
                may_take=may_take,
                is_consumed=is_consumed,
            )
            if was is Returns.REPEATED and returns is not was:  # it was created again
                self.returns = was = Returns.UNKNOWN
            if returns is Returns.UNKNOWN and was is not Returns.KEPT:
                if not await self._asking.consumers(queue):
                    return
                # Nobody can test alone: every bridge returns this message, until one knows enough.
                await send_test(self._publishing, queue)
        except QueueError as error:
            log.info("What becomes of returned messages could not be checked: %s", error)
            return
        if returns.may_be_consumed or self.has_rescued:
            self._checks_at = time.monotonic() + self._timing.checks_again_every
        if returns is Returns.UNKNOWN or self.returns is not was:
            return
        self.returns = returns
        if was is Returns.KEPT and returns is not was:
            self._unsafe()

    async def look(self) -> Returns:
        """Find out the same without taking a message; a queue that is in use is left alone.

        Raises:
            QueueError: the broker is unavailable.
        """
        async with alone(self._asking, self._queue) as is_alone:
            return await check_returns(
                self._publishing,
                self._asking,
                self._queue,
                self._rescue,
                is_alone=is_alone,
                may_take=_takes_nothing,
            )

    async def show_tested(self) -> None:
        """Show other bridges that the queue was tested, and keeps what comes back."""
        try:
            await show_tested(self._publishing, self._queue)
        except QueueError as error:
            log.info("Other bridges cannot see that the queue was tested: %s", error)

    def stop(self) -> None:
        """End a check that is running."""
        if self._checking is not None:
            self._checking.cancel()

    async def _rescue(self, delivered: DeliveredMessage) -> None:
        self.has_rescued = True
        await self._rescue_message(delivered)


async def _takes_nothing() -> bool:
    return False
