"""Check how often a queue keeps a message that comes back: its delivery limit."""

import asyncio
import enum
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from magento_eventbridge.queues.amqp.connection import OURS, AmqpConnection

_TEST = f"{OURS}test"
# The ending of the name of the queue for the test; it disappears when it is not used.
_SIMILAR = ".test"
_OF_SIMILAR: dict[str, str | int] = {"x-queue-type": "quorum", "x-expires": 60_000}
# The ending of the name of a queue without messages: while it exists, bridges that consume the
# queue know that it keeps what comes back. It disappears when they no longer ask for it.
_TESTED = ".tested"
_OF_TESTED: dict[str, str | int] = {"x-queue-type": "classic", "x-expires": 150_000}
# The ending of the name of a lock, an exclusive queue: one bridge tests at a time.
_LOCK = ".testing"
# In milliseconds: a test message that was left behind disappears by itself.
_TEST_EXPIRES = "60000"
# A queue that keeps a message this often is consumed directly: what came back once is copied, and
# four kills in a row would have to come within the moment of copying.
_OFTEN = 5
# In seconds: when to ask for a message that was returned; after the last pause it was dropped.
_PAUSES = (0.0, 0.1, 0.3)
# In seconds: a broker with an alarm does not answer those who publish.
_ANSWERS_WITHIN = 10.0
# The broker compares the arguments of a declaration with those of the queue, and names the latter.
_ANOTHER_LIMIT = 2**31 - 1
_CURRENT = re.compile(r"current is (?:the value )?'(-?\w+)'")


class Returns(enum.Enum):
    """What happens to a message that comes back unacknowledged."""

    KEPT = "kept"  # as often as it is likely to come back
    SELDOM = "seldom"  # it is kept at first, but dropped after a few times
    DROPPED = "dropped"  # at the first time
    UNKNOWN = "unknown"


Rescue = Callable[[DeliveredMessage], Awaitable[None]]
"""Saves a message that must not come back: it is safe elsewhere when this returns."""


async def check_returns(connection: AmqpConnection, queue: str, rescue: Rescue) -> Returns:
    """Find out how often a queue keeps a message that comes back.

    An argument of the queue can be read without touching it. A policy cannot be seen: a test
    message of our own is returned, first to a new queue of a similar name, which most policies also
    match, then to the queue itself, if it is empty. With a consumer it is not tested: the consumer
    would receive the message. Then it counts whether a bridge has tested it.

    Raises:
        QueueError: the broker is unavailable, or accepts no message.
    """
    kind = await _kind(connection, queue)
    if kind is None:
        return Returns.KEPT  # only quorum queues have a delivery limit
    argument = Returns.KEPT
    if kind == "quorum":
        wanted: dict[str, str | int] = {"x-queue-type": kind, "x-delivery-limit": _ANOTHER_LIMIT}
        argument = _of_limit(await _argument(connection, queue, wanted))
    if argument is Returns.DROPPED:
        return argument
    with connection.explained():
        async with asyncio.timeout(_ANSWERS_WITHIN), _alone(connection, queue) as is_alone:
            if not is_alone:
                return Returns.UNKNOWN
            async with connection.asking() as channel:
                policy = await _test_similar(channel, queue, rescue)
                if policy is Returns.DROPPED:
                    return policy
                itself = await _test_itself(connection, channel, queue, rescue)
            if itself is Returns.KEPT:
                await show_tested(connection, queue)
    found = {argument, policy, itself}
    by_risk = (Returns.DROPPED, Returns.UNKNOWN, Returns.SELDOM)
    return next((returns for returns in by_risk if returns in found), Returns.KEPT)


async def is_classic(connection: AmqpConnection, queue: str) -> bool:
    """Return whether a queue is surely a classic one."""
    return await _kind(connection, queue) is None


async def send_test(connection: AmqpConnection, queue: str) -> None:
    """Publish a test message, which every bridge that receives it returns: see `proves_kept`."""
    async with connection.asking() as channel:
        await _publish_test(channel, queue)


async def show_tested(connection: AmqpConnection, queue: str) -> None:
    """Show other bridges that a queue was tested, and keeps what comes back."""
    await connection.declare(f"{queue}{_TESTED}", _OF_TESTED)


def is_test(delivered: DeliveredMessage) -> bool:
    """Whether a message is a test message, and means nothing."""
    return _TEST in (delivered.header.properties.headers or {})


def proves_kept(delivered: DeliveredMessage) -> bool:
    """Whether a message has come back often enough to trust its queue."""
    return returns_of(delivered) >= _OFTEN


def returns_of(delivered: DeliveredMessage) -> int:
    """Return how often a message of a quorum queue was returned unacknowledged."""
    count = (delivered.header.properties.headers or {}).get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


async def _kind(connection: AmqpConnection, queue: str) -> str | None:
    """Return the type of a queue that is no classic one; empty if this user may not ask."""
    return await _argument(connection, queue, {"x-queue-type": "classic"})


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


def _of_limit(argument: str | None) -> Returns:
    """Return what a limit means; a negative one, or none, is no limit."""
    if not (argument or "").isdecimal():
        return Returns.KEPT
    return _after(int(cast("str", argument)))


def _after(limit: int) -> Returns:
    if limit >= _OFTEN:
        return Returns.KEPT
    return Returns.SELDOM if limit else Returns.DROPPED


@asynccontextmanager
async def _alone(connection: AmqpConnection, queue: str) -> AsyncIterator[bool]:
    """Yield whether no other bridge tests meanwhile: it would receive our message."""
    lock = f"{queue}{_LOCK}"
    async with connection.asking() as channel:
        try:
            await channel.queue_declare(lock, exclusive=True)
        except ChannelLockedResource:
            yield False
            return
        try:
            yield True
        finally:
            if not channel.is_closed:
                await channel.queue_delete(lock)


async def _test_similar(channel: AbstractChannel, queue: str, rescue: Rescue) -> Returns:
    similar = f"{queue}{_SIMILAR}"
    await channel.queue_declare(similar, durable=True, arguments={**_OF_SIMILAR})
    return await _test(channel, similar, rescue, uncounted=Returns.UNKNOWN)


async def _test_itself(
    connection: AmqpConnection, channel: AbstractChannel, queue: str, rescue: Rescue
) -> Returns:
    try:
        declared = await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return Returns.UNKNOWN
    if declared.consumer_count:
        is_tested = await connection.count(f"{queue}{_TESTED}") is not None
        return Returns.KEPT if is_tested else Returns.UNKNOWN
    if declared.message_count:
        return Returns.UNKNOWN
    # Quorum queues count, as the other one has just shown: without a count it is a classic one.
    return await _test(channel, queue, rescue, uncounted=Returns.KEPT)


async def _test(
    channel: AbstractChannel, queue: str, rescue: Rescue, *, uncounted: Returns
) -> Returns:
    """Return a message of our own to an empty queue, until it is dropped or was kept often.

    Args:
        channel: of the test alone.
        queue: its name.
        rescue: saves a message that arrives instead.
        uncounted: the result if the queue does not count how often a message was returned.
    """
    await _publish_test(channel, queue)
    for returned in range(_OFTEN + 1):
        message = await _arrived(channel, queue)
        if message is None:
            declared = await channel.queue_declare(queue, passive=True)
            is_known = returned and not declared.consumer_count and not declared.message_count
            return _after(returned - 1) if is_known else Returns.UNKNOWN
        tag = message.delivery_tag or 0
        if not is_test(message):  # it was published at the same moment
            await rescue(message)
            await channel.basic_ack(tag)
            return Returns.UNKNOWN
        if proves_kept(message):
            await channel.basic_ack(tag)
            return Returns.KEPT
        if message.redelivered and not returns_of(message):
            await channel.basic_ack(tag)
            return uncounted
        await channel.basic_nack(tag, requeue=True)
    return Returns.UNKNOWN


async def _publish_test(channel: AbstractChannel, queue: str) -> None:
    await channel.basic_publish(
        b"",
        routing_key=queue,
        properties=spec.Basic.Properties(headers={_TEST: 1}, expiration=_TEST_EXPIRES),
        mandatory=True,
    )


async def _arrived(channel: AbstractChannel, queue: str) -> DeliveredMessage | None:
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        message = await channel.basic_get(queue)
        if isinstance(message.delivery, spec.Basic.GetOk):
            return message
    return None
