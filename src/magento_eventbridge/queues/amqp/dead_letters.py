"""Dead letters in RabbitMQ: a separate queue behind an exchange, each letter with its reason."""

import asyncio
import bisect
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError, ChannelNotFoundEntity, PublishError

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import BYTES_PER_PAGE, DeadLetter
from magento_eventbridge.queues.amqp.connection import AmqpConnection, while_open
from magento_eventbridge.queues.amqp.publishing import OURS, publish

_REASON = f"{OURS}reason"
_BURIED_AT = f"{OURS}buried-at"  # in microseconds since the epoch; also its ID
_MICROSECONDS = 1_000_000


class AmqpDeadLetters:
    """The dead letters of a queue; reading leaves them in place.

    A policy with `dead-letter-exchange` can send the broker's own dead letters there, too.
    """

    def __init__(self, connection: AmqpConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self.name = f"{queue}.dead-letters"
        """The name of their queue, and of its exchange."""
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._last_id = 0

    async def bury(
        self, delivered: DeliveredMessage, reason: str, body: bytes | None = None
    ) -> None:
        """Publish a copy of a message there, with another body if given; then it is safe."""
        channel = await self._opened()
        # Each ID is greater than those before: two letters may have one microsecond.
        self._last_id = max(self._last_id + 1, int(time.time() * _MICROSECONDS))
        added: dict[str, str | int] = {
            _REASON: reason.encode(errors="replace").decode(),
            _BURIED_AT: self._last_id,
        }
        with self._connection.explained():
            try:
                await publish(channel, self.name, "", delivered, added, body)
            except (ChannelNotFoundEntity, ChannelInvalidStateError, PublishError):
                # Somebody deleted the queue.
                channel = await self._opened(but_not=channel)
                await publish(channel, self.name, "", delivered, added, body)

    async def _opened(self, but_not: AbstractChannel | None = None) -> AbstractChannel:
        """Return the channel for all letters; with a new one, the queue is created first.

        One channel keeps the letters in the order in which they were buried.
        """
        async with self._opening:
            if self._channel is None or self._channel.is_closed or self._channel is but_not:
                # Of the classic type: a quorum queue counts each reading of a letter as a failed
                # delivery.
                await self._connection.declare(self.name, {"x-queue-type": "classic"})
                channel = await self._connection.channel()
                with self._connection.explained():
                    await channel.exchange_declare(self.name, exchange_type="fanout", durable=True)
                    await channel.queue_bind(self.name, self.name)
                self._channel = channel
            return self._channel

    async def count(self) -> int:
        """Return how many there are."""
        return await self._connection.count(self.name) or 0

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        letters: list[DeadLetter] = []
        size = 0
        async with self._connection.asking() as channel:
            # Each bridge uses its own clock: an older letter may lie behind a newer one.
            async for letter, _ in self._all(channel):
                if letter.id <= after:
                    continue
                if not with_bodies:
                    letter = replace(letter, body=b"")  # noqa: PLW2901
                bisect.insort(letters, letter, key=lambda other: other.id)
                size += len(letter.body)
                while len(letters) > limit or size - len(letters[-1].body) >= BYTES_PER_PAGE:
                    size -= len(letters.pop().body)
        return letters

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        async with self._connection.asking() as channel:
            async for candidate, _ in self._all(channel):
                if candidate.id == letter:
                    return candidate
        return None

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; return how many there were."""
        return await self._take(letters, is_redriven=True)

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; return how many there were."""
        return await self._take(letters, is_redriven=False)

    async def _take(self, letters: Sequence[int] | None, *, is_redriven: bool) -> int:
        taken = 0
        async with self._connection.asking() as channel:
            async for letter, delivered in self._all(channel):
                if letters is None or letter.id in letters:
                    if is_redriven:
                        await publish(channel, "", self._queue, delivered)
                    await while_open(channel, channel.basic_ack(delivered.delivery_tag or 0))
                    taken += 1
        return taken

    async def _all(
        self, channel: AbstractChannel
    ) -> AsyncIterator[tuple[DeadLetter, DeliveredMessage]]:
        """Iterate over all present letters; unacknowledged ones go back when the channel closes.

        One is fetched at a time: their bodies may be large.
        """
        for _ in range(await self.count()):
            delivered = await channel.basic_get(self.name)
            if not isinstance(delivered.delivery, spec.Basic.GetOk):
                return  # another command holds the rest
            yield _letter(delivered), delivered


def _letter(delivered: DeliveredMessage) -> DeadLetter:
    properties = delivered.header.properties
    headers = properties.headers or {}
    body = capture_text(delivered.body, properties.message_id or "")
    buried_at = headers.get(_BURIED_AT)
    if isinstance(buried_at, int):
        number, reason = buried_at, str(headers.get(_REASON))
    else:
        number, reason = _by_broker(headers.get("x-death"), delivered.body)
    try:
        view_id = read_capture(body).view_id
    except InvalidCaptureError:
        view_id = 0
    return DeadLetter.of(number, view_id, reason, number / _MICROSECONDS, body)


def _by_broker(deaths: object, body: bytes) -> tuple[int, str]:
    """Return the ID and reason of a letter from RabbitMQ itself or another program."""
    # The broker's time has whole seconds only: a hash of the letter completes the ID.
    rest = int.from_bytes(hashlib.sha256(body).digest()[:4]) % _MICROSECONDS
    match deaths:
        case [{"reason": str(reason), "time": datetime() as at}, *_]:
            return int(at.timestamp()) * _MICROSECONDS + rest, f"buried by the broker: {reason}"
    return rest, "put there by another program"
