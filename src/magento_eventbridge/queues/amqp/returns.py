"""Check whether a queue keeps messages that come back: a delivery limit of 0 drops them."""

import asyncio
import enum
import re
from collections.abc import Awaitable, Callable

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from magento_eventbridge.queues.amqp.connection import OURS, AmqpConnection

_TEST = f"{OURS}test"
# The ending of the name of the queue for the test; it disappears when it is not used.
_SIMILAR = ".test"
_OF_SIMILAR: dict[str, str | int] = {"x-queue-type": "quorum", "x-expires": 60_000}
# In milliseconds: a test message that was left behind disappears by itself.
_TEST_EXPIRES = "60000"
# How often, and how many seconds apart, to ask for the test message that was returned.
_TRIES = 5
_PAUSE = 0.1
# In seconds: a broker with an alarm does not answer those who publish.
_ANSWERS_WITHIN = 5.0
# The broker compares the arguments of a declaration with those of the queue, and names the latter.
_ANOTHER_LIMIT = 2**31 - 1
_CURRENT = re.compile(r"current is (?:the value )?'(\w+)'")


class Returns(enum.Enum):
    """What happens to a message that comes back unacknowledged for the first time."""

    KEPT = "kept"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


Rescue = Callable[[DeliveredMessage], Awaitable[None]]
"""Saves a message that must not come back: it is safe elsewhere when this returns."""


async def check_returns(connection: AmqpConnection, queue: str, rescue: Rescue) -> Returns:
    """Find out what a queue does with a message that comes back.

    An argument of the queue can be read without touching it. A policy cannot be seen: a test
    message of our own is returned, first to a new queue of a similar name, which most policies also
    match, then to the queue itself, if it is empty. With a consumer it is not tested: the consumer
    would receive the message.

    Raises:
        QueueError: the broker is unavailable, or accepts no message.
    """
    kind = await _argument(connection, queue, {"x-queue-type": "classic"})
    if kind is None:
        return Returns.KEPT  # only quorum queues have a delivery limit
    if kind == "quorum":
        wanted: dict[str, str | int] = {"x-queue-type": kind, "x-delivery-limit": _ANOTHER_LIMIT}
        if await _argument(connection, queue, wanted) == "0":
            return Returns.DROPPED
    async with connection.asking() as channel, asyncio.timeout(_ANSWERS_WITHIN):
        similar = f"{queue}{_SIMILAR}"
        await channel.queue_declare(similar, durable=True, arguments={**_OF_SIMILAR})
        if await _try(channel, similar, rescue) is Returns.DROPPED:
            return Returns.DROPPED
        try:
            return await _try(channel, queue, rescue)
        except ChannelNotFoundEntity:
            return Returns.UNKNOWN


def is_test(delivered: DeliveredMessage) -> bool:
    """Whether a message is a test message that was left behind, and means nothing."""
    return _TEST in (delivered.header.properties.headers or {})


async def _argument(
    connection: AmqpConnection, queue: str, wanted: dict[str, str | int]
) -> str | None:
    """Declare a queue that exists with other arguments; return the value that it has instead.

    None if the queue has none; empty if this user may not ask.
    """
    async with connection.asking() as channel:
        try:
            await channel.queue_declare(queue, passive=True)
            await channel.queue_declare(queue, durable=True, arguments={**wanted})
        except ChannelPreconditionFailed as error:
            found = _CURRENT.search(str(error))
            return found[1] if found else None
        except (ChannelAccessRefused, ChannelNotFoundEntity):
            return ""
    return None


async def _try(channel: AbstractChannel, queue: str, rescue: Rescue) -> Returns:
    """Return a message of our own to the queue, and check whether it is still there."""
    declared = await channel.queue_declare(queue, passive=True)
    if declared.consumer_count:
        return Returns.KEPT
    if declared.message_count:
        return Returns.UNKNOWN
    await channel.basic_publish(
        b"",
        routing_key=queue,
        properties=spec.Basic.Properties(headers={_TEST: 1}, expiration=_TEST_EXPIRES),
        mandatory=True,
    )
    sent = await _get(channel, queue)
    if sent is None:
        return Returns.UNKNOWN
    if not is_test(sent):  # it was published at the same moment
        await _save(sent, rescue)
        return Returns.UNKNOWN
    await channel.basic_nack(sent.delivery_tag or 0, requeue=True)
    for _ in range(_TRIES):
        if returned := await _get(channel, queue):
            if not is_test(returned):
                await _save(returned, rescue)
                return Returns.UNKNOWN
            await channel.basic_ack(returned.delivery_tag or 0)
            return Returns.KEPT
        await asyncio.sleep(_PAUSE)
    return Returns.DROPPED


async def _save(delivered: DeliveredMessage, rescue: Rescue) -> None:
    await rescue(delivered)
    await delivered.channel.basic_ack(delivered.delivery_tag or 0)


async def _get(channel: AbstractChannel, queue: str) -> DeliveredMessage | None:
    message = await channel.basic_get(queue)
    return message if isinstance(message.delivery, spec.Basic.GetOk) else None
