"""Check how often a queue keeps a message that comes back: its delivery limit."""

import asyncio
import enum
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionNotImplemented,
)

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.publishing import OURS

log = logging.getLogger(__name__)

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
_LOCK_PAUSE = 0.1  # in seconds, between two tries
# In milliseconds: a test message that was left behind disappears by itself.
_TEST_EXPIRES = "60000"
# A queue that keeps a message this often is consumed directly: what came back once is copied, and
# four kills in a row would have to come within the moment of copying.
_OFTEN = 5
# In seconds: when to ask for a message that was returned; after the last pause it was dropped.
_PAUSES = (0.0, 0.1, 0.3)
# The same for a message that is returned to a backlog: the request may overtake the return.
_PAUSES_IN_BACKLOG = (0.1, 1.0)
# In seconds: a broker with an alarm does not answer those who publish.
_ANSWERS_WITHIN = 10.0
# The broker compares the arguments of a declaration with those of the queue, and names the first
# one that differs. It compares arguments of most other names before the type and the limit.
_ANOTHER_LIMIT = 2**31 - 1
_DIFFERENCE = re.compile(
    r"inequivalent arg '(?P<name>[^']*)' .* but current is "
    r"(?:none|(?:the value )?'(?P<value>.*?)'(?: of type '(?P<type>\w+)')?\s*$)",
    re.DOTALL,
)
_INTEGERS = {"byte", "short", "signedint", "long", "unsignedbyte", "unsignedshort", "unsignedint"}
_MOST_ARGUMENTS = 30  # that a queue may have


class Returns(enum.Enum):
    """What happens to a message that comes back unacknowledged."""

    KEPT = "kept"  # as often as it is likely to come back
    SELDOM = "seldom"  # it is kept at first, but dropped after a few times
    DROPPED = "dropped"  # at the first time
    UNKNOWN = "unknown"
    REPEATED = "repeated"  # a stream: it hands out again what was acknowledged, too

    @property
    def may_be_consumed(self) -> bool:
        """Whether the queue can be consumed without losing messages or repeating all of them."""
        return self not in (Returns.DROPPED, Returns.REPEATED)


Rescue = Callable[[DeliveredMessage], Awaitable[None]]
"""Saves a message that must not come back: it is safe elsewhere when this returns."""
MayTake = Callable[[], Awaitable[bool]]
"""Returns whether the first waiting message may be taken for a test."""


async def check_returns(
    connection: AmqpConnection,
    asking: AmqpConnection,
    queue: str,
    rescue: Rescue,
    *,
    is_alone: bool,
    may_take: MayTake,
    is_consumed: bool = False,
) -> Returns:
    """Find out how often a queue keeps a message that comes back.

    An argument of the queue can be read without touching it. A policy cannot be seen: a test
    message of our own is returned, first to a new queue of a similar name, which most policies also
    match, then to the queue itself, if it is empty. If messages wait there, the first of them is
    returned instead, once it is rescued. With a consumer the queue is
    not tested: it would receive the message. Then it counts whether a bridge has tested the queue.

    Args:
        connection: for the test.
        asking: for questions; it publishes nothing, so a broker with an alarm answers them.
        queue: its name.
        rescue: saves a message of the shop that the test receives.
        is_alone: whether no other bridge tests meanwhile: see `alone`.
        may_take: asked before the first waiting message is taken for the test.
        is_consumed: whether it certainly has a consumer, though not at each moment.

    Raises:
        QueueError: the broker is unavailable, or accepts no message.
    """
    kind = await _kind(asking, queue)
    if kind is None:
        return Returns.KEPT  # only quorum queues have a delivery limit
    if kind == "stream":
        return Returns.REPEATED
    argument = Returns.KEPT
    if kind == "quorum":
        wanted: dict[str, str | int] = {"x-queue-type": kind, "x-delivery-limit": _ANOTHER_LIMIT}
        argument = _of_limit(await _argument(asking, queue, "x-delivery-limit", wanted))
    if argument is Returns.DROPPED:
        return argument
    if not is_alone:
        return Returns.UNKNOWN
    try:
        with connection.explained():
            async with asyncio.timeout(_ANSWERS_WITHIN):
                async with connection.asking() as channel:
                    policy = await _test_similar(channel, queue, rescue)
                    if policy is Returns.DROPPED:
                        return policy
                    itself = await (
                        _known_from_others(connection, queue)
                        if is_consumed
                        else _test_itself(connection, channel, queue, rescue, may_take)
                    )
                if itself is Returns.KEPT:
                    await show_tested(connection, queue)
    except QueueError as error:
        # A user who may not ask for the type: of all types, only streams know no basic.get.
        if isinstance(error.__cause__, ConnectionNotImplemented):
            return Returns.REPEATED
        raise
    found = {argument, policy, itself}
    by_risk = (Returns.DROPPED, Returns.UNKNOWN, Returns.SELDOM)
    return next((returns for returns in by_risk if returns in found), Returns.KEPT)


@asynccontextmanager
async def alone(
    connection: AmqpConnection, queue: str, *, wait_seconds: float = 0.0
) -> AsyncIterator[bool]:
    """Yield whether no other bridge tests a queue, or begins to consume it, while this lasts.

    It would receive our test message. The connection publishes nothing: a broker with an alarm
    answers no others.
    """
    async with AsyncExitStack() as stack:
        is_alone = False
        try:
            async with asyncio.timeout(wait_seconds + _ANSWERS_WITHIN):
                is_alone = await stack.enter_async_context(_lock(connection, queue, wait_seconds))
        except (QueueError, TimeoutError) as error:
            log.debug("No lock for the test of the queue '%s': %s", queue, error)
        yield is_alone


@asynccontextmanager
async def _lock(connection: AmqpConnection, queue: str, wait_seconds: float) -> AsyncIterator[bool]:
    """Hold an exclusive queue, which belongs to the connection and ends with it."""
    lock = f"{queue}{_LOCK}"
    until = time.monotonic() + wait_seconds
    is_locked = await _is_locked_by(connection, lock)
    while not is_locked and time.monotonic() < until:
        await asyncio.sleep(_LOCK_PAUSE)
        is_locked = await _is_locked_by(connection, lock)
    try:
        yield is_locked
    finally:
        if is_locked:
            await _delete_own(connection, lock)


async def _is_locked_by(connection: AmqpConnection, lock: str) -> bool:
    """Create the exclusive queue; return whether it belongs to this connection."""
    async with connection.inspecting() as channel:
        try:
            await channel.queue_declare(lock, exclusive=True)
        except ChannelLockedResource:
            return False
    return True


async def _delete_own(connection: AmqpConnection, lock: str) -> None:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN), connection.inspecting() as channel:
            await channel.queue_delete(lock)
    except (QueueError, TimeoutError) as error:
        # The connection was lost, and the lock with it: it may be another bridge's now.
        log.debug("The lock '%s' was not removed: %s", lock, error)


async def send_test(connection: AmqpConnection, queue: str) -> None:
    """Publish a test message, which every bridge that receives it returns: see `proves_kept`.

    Raises:
        QueueError: the broker is unavailable, or the queue takes no message.
    """
    with connection.explained():
        async with asyncio.timeout(_ANSWERS_WITHIN), connection.asking() as channel:
            await _publish_test(channel, queue)


async def show_tested(connection: AmqpConnection, queue: str) -> None:
    """Show other bridges that a queue was tested, and keeps what comes back."""
    await connection.declare(f"{queue}{_TESTED}", _OF_TESTED)


def is_test(delivered: DeliveredMessage) -> bool:
    """Whether a message is a test message, and means nothing."""
    return not delivered.body and _TEST in (delivered.header.properties.headers or {})


def proves_kept(delivered: DeliveredMessage) -> bool:
    """Whether a message has come back often enough to trust its queue."""
    return returns_of(delivered) >= _OFTEN


def returns_of(delivered: DeliveredMessage) -> int:
    """Return how often a message of a quorum queue was returned unacknowledged."""
    count = (delivered.header.properties.headers or {}).get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


async def _kind(connection: AmqpConnection, queue: str) -> str | None:
    """Return the type of a queue that is no classic one; empty if that is unknown."""
    return await _argument(connection, queue, "x-queue-type", {"x-queue-type": "classic"})


async def _argument(
    connection: AmqpConnection, queue: str, name: str, wanted: Mapping[str, str | int]
) -> str | None:
    """Declare a queue that exists with another argument; return the value that it has instead.

    Arguments that the broker names before this one are taken over. None if the queue has none;
    empty if this is unknown, as when this user may not ask.
    """
    arguments = dict(wanted)
    for _ in range(_MOST_ARGUMENTS):
        async with connection.inspecting() as channel:
            try:
                await channel.queue_declare(queue, passive=True)
                await channel.queue_declare(queue, durable=True, arguments={**arguments})
            except ChannelPreconditionFailed as error:
                found = _DIFFERENCE.search(str(error))
            except (ChannelAccessRefused, ChannelNotFoundEntity):
                return ""
            else:
                return None
        if found is None:
            return ""
        if found["name"] == name:
            return found["value"]
        if not found["name"].startswith("x-"):
            return None  # only classic queues are not durable, or end by themselves
        value = _typed(found["value"], found["type"])
        if value is None:
            return ""
        arguments[found["name"]] = value
    return ""


def _typed(value: str | None, kind: str | None) -> str | int | None:
    """Return the value of an argument as the broker names it; None if that is not possible."""
    if kind == "bool":
        return value == "true"
    if value and kind in _INTEGERS:
        return int(value)
    return value if kind == "longstr" else None


def _of_limit(argument: str | None) -> Returns:
    """Return what a limit means; a negative one, or none, is no limit."""
    if not (argument or "").isdecimal():
        return Returns.KEPT
    return _after(int(cast("str", argument)))


def _after(limit: int) -> Returns:
    if limit >= _OFTEN:
        return Returns.KEPT
    return Returns.SELDOM if limit else Returns.DROPPED


async def _test_similar(channel: AbstractChannel, queue: str, rescue: Rescue) -> Returns:
    similar = f"{queue}{_SIMILAR}"
    await channel.queue_declare(similar, durable=True, arguments={**_OF_SIMILAR})
    return await _test(channel, similar, rescue, uncounted=Returns.UNKNOWN)


async def _known_from_others(connection: AmqpConnection, queue: str) -> Returns:
    is_tested = await connection.count(f"{queue}{_TESTED}") is not None
    return Returns.KEPT if is_tested else Returns.UNKNOWN


async def _test_itself(
    connection: AmqpConnection,
    channel: AbstractChannel,
    queue: str,
    rescue: Rescue,
    may_take: MayTake,
) -> Returns:
    try:
        declared = await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return Returns.UNKNOWN
    if declared.consumer_count:
        return await _known_from_others(connection, queue)
    if declared.message_count and not await may_take():
        return Returns.UNKNOWN
    # Quorum queues count, as the other one has just shown: without a count it is a classic one.
    if declared.message_count:
        return await _test_first(connection, channel, queue, rescue, declared.message_count)
    return await _test(channel, queue, rescue, uncounted=Returns.KEPT)


async def _test_first(
    connection: AmqpConnection,
    channel: AbstractChannel,
    queue: str,
    rescue: Rescue,
    waiting: int,
) -> Returns:
    """Return the first of so many waiting messages, after it was rescued, until it is dropped or
    was kept often.

    A few messages are unsafe during the test, each until its copy is confirmed.
    """
    first: DeliveredMessage | None = None
    kept = -1  # how often it has come back
    while True:
        # With its channel's end it comes back before all others; rejected, it would be the last.
        async with connection.asking() as other:
            if first is None:
                message = first = await _arrived(other, queue)
                if first is None or is_test(first):
                    return Returns.UNKNOWN
                await rescue(first)
            else:
                message, rescued = await _arrived_again(other, queue, first, rescue)
                waiting -= rescued
            if message is None:
                break
            is_proved, is_counted = proves_kept(message), returns_of(message) > kept
            if is_proved or not is_counted:
                await other.basic_ack(message.delivery_tag or 0)
                return Returns.KEPT if is_proved else Returns.UNKNOWN
            kept = returns_of(message)
    for pause in _PAUSES:  # our own requests count as consumers for a moment
        await asyncio.sleep(pause)
        declared = await channel.queue_declare(queue, passive=True)
        if not declared.consumer_count and (declared.message_count or 0) < waiting:
            return _after(kept)
    return Returns.UNKNOWN


async def _arrived_again(
    channel: AbstractChannel, queue: str, first: DeliveredMessage, rescue: Rescue
) -> tuple[DeliveredMessage | None, int]:
    """Return a message that was returned to a backlog, and how many others were rescued instead."""
    rescued = 0
    for pause in _PAUSES_IN_BACKLOG:
        await asyncio.sleep(pause)
        message = await channel.basic_get(queue)
        if not isinstance(message.delivery, spec.Basic.GetOk):
            continue
        if _is_again(message, first):
            return message, rescued
        await rescue(message)
        await channel.basic_ack(message.delivery_tag or 0)
        rescued += 1
    return None, rescued


def _is_again(message: DeliveredMessage, first: DeliveredMessage) -> bool:
    ids = [each.header.properties.message_id for each in (message, first)]
    return message.body == first.body and ids[0] == ids[1]


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
        # RabbitMQ 4.3 and later do not count what comes back by basic.nack.
        await channel.basic_reject(tag, requeue=True)
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
