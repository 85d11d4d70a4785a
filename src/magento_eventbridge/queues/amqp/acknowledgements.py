"""Acknowledge messages, and recognize settled ones that the broker redelivers."""

import asyncio
import logging
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection

from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.background import Background
from magento_eventbridge.queues.amqp.connection import AmqpConnection, while_open
from magento_eventbridge.queues.amqp.messages import HeldMessage
from magento_eventbridge.queues.amqp.publishing import copy_of, is_copy, is_renewal

log = logging.getLogger(__name__)

# How many acknowledged messages to remember: those of the last second or two.
_REMEMBERS = 20_000


class Acknowledgements:
    """What the broker was sent about messages, and what it must still be sent."""

    def __init__(self, connection: AmqpConnection, background: Background) -> None:
        self._connection = connection
        self._background = background
        # Settled while the channel that they came by was closed: acknowledged when redelivered.
        self._settled: set[str] = set()
        # Acknowledged lately, in order: a broker that crashes may forget acknowledgements.
        # A dict would pass all places of forgotten ones to find the oldest.
        self._acknowledged: OrderedDict[str, None] = OrderedDict()
        self._forgets_at = math.inf
        # By channel: the next channel's tags start from the beginning.
        # In the order of arrival, so that the first one is found at once.
        self._unacknowledged: defaultdict[AbstractChannel, OrderedDict[int, None]]
        self._unacknowledged = defaultdict(OrderedDict)
        self._sending = asyncio.Lock()

    def expect(self, channel: AbstractChannel, tag: int) -> None:
        """Record that a message arrived, which the broker wants to be acknowledged."""
        self._unacknowledged[channel][tag] = None

    def is_expected(self, channel: AbstractChannel, tag: int) -> bool:
        """Whether the broker still waits for the acknowledgement of a message."""
        return tag in self._unacknowledged[channel]

    def give_back(self, channel: AbstractChannel, tag: int) -> None:
        """Record that a message is returned to its queue instead."""
        self._unacknowledged[channel].pop(tag, None)

    def forget_channels(self) -> None:
        """Expect nothing more: the broker redelivers what was not acknowledged."""
        self._unacknowledged.clear()

    def await_redelivery(self, seconds: float) -> None:
        """Give a new channel so long to redeliver what was settled while none was open."""
        self._forgets_at = time.monotonic() + seconds

    def keep_settled(self) -> None:
        """Remember what was settled until a new channel had the time to redeliver it."""
        self._forgets_at = math.inf

    def forget_settled(self) -> None:
        """Forget settled messages that were not redelivered in time."""
        if time.monotonic() > self._forgets_at:
            self._settled.clear()

    def is_settled(self, key: str, delivered: DeliveredMessage) -> bool:
        """Whether a message was settled before it arrived again."""
        if is_copy(delivered) and not is_renewal(delivered) and not copy_of(delivered):
            # Sent again on purpose by a former version, whose copies have no key of their own.
            self._settled.discard(key)
            self._acknowledged.pop(key, None)
        return key in self._settled or key in self._acknowledged

    async def acknowledge_again(self, key: str, channel: AbstractChannel, tag: int) -> None:
        """Acknowledge a settled message that was redelivered; its safe copy may follow."""
        await self.acknowledge(channel, [tag])
        self._settled.discard(key)
        self._remember([key])

    async def settle(
        self, messages: Collection[HeldMessage], channel: AbstractChannel | None
    ) -> None:
        """Acknowledge messages, at once or, if their channel is closed, when redelivered."""
        here = [message for message in messages if message.channel is channel]
        self._settled.update(message.key for message in messages)
        if channel is None or not here:
            return
        try:
            await self.acknowledge(channel, [tag for message in here for tag in message.tags])
        except QueueError as error:
            log.info("Delivered messages are acknowledged when they are redelivered: %s", error)
        else:
            self._settled.difference_update(message.key for message in here)
            self._remember([message.key for message in here])

    def _remember(self, keys: Collection[str]) -> None:
        """Remember which messages were acknowledged last."""
        self._acknowledged.update((key, None) for key in keys)
        while len(self._acknowledged) > _REMEMBERS:
            self._acknowledged.popitem(last=False)

    async def acknowledge(self, channel: AbstractChannel, tags: list[int]) -> None:
        """Acknowledge messages, also if the caller is cancelled: it would not do so again."""
        sending = self._background.start(self._send_all(channel, tags))
        sending.add_done_callback(_note_failure)
        await asyncio.shield(sending)

    async def _send_all(self, channel: AbstractChannel, tags: list[int]) -> None:
        """Acknowledge all up to the first unacknowledged one together, the others one by one."""
        # One call after the other: of two that overtake each other, the second would name messages
        # that the broker no longer knows, for which it closes the channel.
        async with self._sending:
            left = self._unacknowledged[channel]
            tags = [tag for tag in tags if tag in left]
            for tag in tags:
                del left[tag]
            first_left = next(iter(left), math.inf)
            tags.sort()
            together = [tag for tag in tags if tag < first_left]
            with self._connection.explained():
                await while_open(channel, _send(channel, together, tags[len(together) :]))


def _note_failure(sending: asyncio.Task[None]) -> None:
    """Read a failure of which the caller may not hear: it is cancelled with its connection."""
    if not sending.cancelled() and (error := sending.exception()):
        log.debug("Not acknowledged: %s", error)


async def _send(channel: AbstractChannel, together: list[int], singly: list[int]) -> None:
    """Acknowledge all messages up to one, and others."""
    if together:
        await channel.basic_ack(together[-1], multiple=True)
    for tag in singly:
        await channel.basic_ack(tag, wait=tag == singly[-1])
