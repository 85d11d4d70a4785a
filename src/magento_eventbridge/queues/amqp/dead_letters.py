"""Dead letters in RabbitMQ: a queue of their own behind an exchange, each with its reason."""

import asyncio
import bisect
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError, ChannelNotFoundEntity, PublishError

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import DeadLetter
from magento_eventbridge.queues.amqp.connection import OURS, AmqpConnection, publish

_REASON = f"{OURS}reason"
_BURIED_AT = f"{OURS}buried-at"  # in microseconds since the epoch: its id, too
_MICROSECONDS = 1_000_000
# Letters are looked at so many at a time, and each is given so many seconds to come.
_AT_ONCE = 200
_FOLLOWS_WITHIN = 1.0


class AmqpDeadLetters:
    """The dead letters of a queue; looking at them leaves them where they are.

    The broker's own dead letters can be led there too, by a policy with `dead-letter-exchange`.
    """

    def __init__(self, connection: AmqpConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self._name = f"{queue}.dead-letters"
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._last_id = 0

    async def bury(self, delivered: DeliveredMessage, reason: str) -> None:
        """Put a copy of a message there; it is safe once this returns."""
        channel = await self._opened()
        # An id of its own, and greater than those before: two may come within a microsecond.
        self._last_id = max(self._last_id + 1, int(time.time() * _MICROSECONDS))
        told: dict[str, str | int] = {
            _REASON: reason.encode(errors="replace").decode(),
            _BURIED_AT: self._last_id,
        }
        with self._connection.explained():
            try:
                await publish(channel, self._name, "", delivered, told)
            except (ChannelNotFoundEntity, ChannelInvalidStateError, PublishError):
                # Somebody deleted the place.
                channel = await self._opened(but_not=channel)
                await publish(channel, self._name, "", delivered, told)

    async def _opened(self, but_not: AbstractChannel | None = None) -> AbstractChannel:
        """Give the channel by which letters go; when it is a new one, the place is made first.

        They all go by one, so that they lie in the order in which they were buried.
        """
        async with self._opening:
            if self._channel is None or self._channel.is_closed or self._channel is but_not:
                # Of the classic type: a quorum queue counts each look at a letter as a failed
                # delivery.
                await self._connection.declare(self._name, {"x-queue-type": "classic"})
                channel = await self._connection.channel()
                with self._connection.explained():
                    await channel.exchange_declare(self._name, exchange_type="fanout", durable=True)
                    await channel.queue_bind(self._name, self._name)
                self._channel = channel
            return self._channel

    async def count(self) -> int:
        """How many there are."""
        return await self._connection.count(self._name) or 0

    async def page(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        letters: list[DeadLetter] = []
        async with self._connection.asking() as channel:
            # Each bridge writes by its own clock: an older one may lie behind a newer one.
            async for letter, _ in self._all(channel):
                if letter.id > after:
                    bisect.insort(letters, letter, key=lambda other: other.id)
                    del letters[limit:]
        return letters

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        async with self._connection.asking() as channel:
            async for found, _ in self._all(channel):
                if found.id == letter:
                    return found
        return None

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; gives how many there were."""
        return await self._take(letters, is_redriven=True)

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; gives how many there were."""
        return await self._take(letters, is_redriven=False)

    async def _take(self, letters: Sequence[int] | None, *, is_redriven: bool) -> int:
        taken = 0
        async with self._connection.asking() as channel:
            async for letter, delivered in self._all(channel):
                if letters is None or letter.id in letters:
                    if is_redriven:
                        await publish(channel, "", self._queue, delivered)
                    await channel.basic_ack(delivered.delivery_tag or 0)
                    taken += 1
        return taken

    async def _all(
        self, channel: AbstractChannel
    ) -> AsyncIterator[tuple[DeadLetter, DeliveredMessage]]:
        """Go through all of now; those that are not acknowledged go back when the channel ends."""
        left = await self.count()
        while left > 0:
            some = await self._some(channel, min(left, _AT_ONCE))
            for delivered in some:
                yield _letter(delivered), delivered
            left -= _AT_ONCE
            if len(some) < _AT_ONCE:
                return  # all, or another command has the others

    async def _some(self, channel: AbstractChannel, count: int) -> list[DeliveredMessage]:
        """Take the next letters; none is acknowledged meanwhile, so no more than these come."""
        came: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        await channel.basic_qos(prefetch_count=count)
        consumer = await channel.basic_consume(self._name, came.put)
        some: list[DeliveredMessage] = []
        with contextlib.suppress(TimeoutError):
            while len(some) < count:
                some.append(await asyncio.wait_for(came.get(), _FOLLOWS_WITHIN))
        await channel.basic_cancel(consumer.consumer_tag or "")
        while not came.empty():
            some.append(came.get_nowait())
        return some


def _letter(delivered: DeliveredMessage) -> DeadLetter:
    properties = delivered.header.properties
    headers = properties.headers or {}
    body = capture_text(delivered.body, properties.message_id or "")
    if _BURIED_AT in headers:
        number, reason = int(str(headers[_BURIED_AT])), str(headers.get(_REASON))
    else:
        number, reason = _by_broker(headers.get("x-death"), delivered.body)
    try:
        view_id = read_capture(body).view_id
    except InvalidCaptureError:
        view_id = 0
    return DeadLetter.of(number, view_id, reason, number / _MICROSECONDS, body)


def _by_broker(deaths: object, body: bytes) -> tuple[int, str]:
    """Give an id and the reason of a letter that RabbitMQ itself buried, or a person put there."""
    # The broker tells whole seconds only: what is in the letter makes up the rest of the id.
    rest = int.from_bytes(hashlib.sha256(body).digest()[:4]) % _MICROSECONDS
    match deaths:
        case [{"reason": str(reason), "time": datetime() as at}, *_]:
            return int(at.timestamp()) * _MICROSECONDS + rest, f"buried by the broker: {reason}"
    return rest, "put there by another program"
