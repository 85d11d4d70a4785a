"""The `amqp` queue: Magento's message queue in RabbitMQ."""

import asyncio
import contextlib
import hashlib
import heapq
import itertools
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelNotFoundEntity

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import Claim, Depth, QueueError
from magento_eventbridge.queues.amqp.connection import AmqpConnection, AmqpOptions, is_copy, publish
from magento_eventbridge.queues.amqp.dead_letters import AmqpDeadLetters

log = logging.getLogger(__name__)

# Seconds that a message that the broker says is there is given to arrive, and the next one.
_ARRIVES_WITHIN = 1.0
_FOLLOWS_WITHIN = 0.01
# Seconds between two looks for a queue that is not there yet.
_LOOKS_EVERY = 2.0
# Milliseconds for which messages of a store view that is passed over make room.
_ASIDE_FOR = 60_000
# A quorum queue drops a message that came back too often, from RabbitMQ 4 on after 20 times. One
# that came back as often as this is published anew, which begins the count again.
_RENEWED_AFTER = 5
_RENEWS_WITHIN = 5.0
# Seconds for which a new channel is given to bring again what was told of without one.
_COMES_AGAIN_WITHIN = 60.0
# Of so many messages it is remembered that they were acknowledged: of the last second or two.
_REMEMBERS = 20_000


@dataclass(eq=False)
class _Message:
    """A message that is with us: in the buffer, claimed, or put off."""

    key: str
    number: int  # its place among all that came
    view_id: int
    text: bytes
    delivered: DeliveredMessage
    tags: list[int] = field(default_factory=list)  # of the channel that it came by
    is_claimed: bool = False


class AmqpQueue:
    """A queue of RabbitMQ; several bridges may share it.

    What a bridge has is not acknowledged yet: the broker gives it to another bridge once the
    connection ends. What comes again while its claim is still out is not handed out a second time.
    """

    name = "amqp"

    def __init__(self, options: AmqpOptions) -> None:
        """Get ready; the broker is asked for the first time when something is wanted of it."""
        self._options = options
        self._connection = AmqpConnection(options)
        self.dead_letters = AmqpDeadLetters(self._connection, options.queue)
        self._channel: AbstractChannel | None = None
        self._is_cancelled = False
        self._looks_at = 0.0
        self._has_told_of_absence = False
        self._news = asyncio.Event()
        self._came = 0
        self._known: dict[str, _Message] = {}
        self._buffer: deque[_Message] = deque()
        self._postponed: list[tuple[float, int, _Message]] = []
        # Told of when the channel that they came by was gone: acknowledged when they come again.
        self._settled: set[str] = set()
        # Acknowledged lately, in their order: a broker that crashes may forget that it was told.
        self._acknowledged: dict[str, None] = {}
        self._forgets_at = 0.0
        # By channel: the next channel's tags begin anew.
        self._unacknowledged: defaultdict[AbstractChannel, set[int]] = defaultdict(set)
        self._acknowledging = asyncio.Lock()
        self._renewing: set[asyncio.Task[None]] = set()

    @property
    def prefetch(self) -> int:
        """How many messages may be with us at once, claimed or not."""
        return self._options.prefetch

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` captures that wait, passing over those of the stores named."""
        self._news.clear()
        channel = await self._consuming()
        if channel is None:
            return []
        if time.monotonic() > self._forgets_at:
            self._settled.clear()
        self._bring_back_postponed()
        if not self._buffer:
            await self._let_arrive(channel)
        claims: list[Claim] = []
        passed_over: deque[_Message] = deque()
        while self._buffer and len(claims) < limit:
            message = self._buffer.popleft()
            if message.view_id in without_views:
                passed_over.append(message)
            else:
                message.is_claimed = True
                claims.append(Claim(message.key, message.text))
        self._buffer.extendleft(reversed(passed_over))
        if passed_over and not claims and self._options.sets_aside and self._is_full:
            await self._set_aside(channel)
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        if self._postponed:
            seconds = min(seconds, max(0.0, self._postponed[0][0] - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Forget captures that were delivered, or that mean nothing worth telling."""
        await self._settle(self._claimed(claims))

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Give captures back; they come out again after `delay` seconds."""
        due = time.monotonic() + delay
        for message in self._claimed(claims):
            message.is_claimed = False
            heapq.heappush(self._postponed, (due, message.number, message))
        self._news.set()

    async def bury(self, claim: Claim, reason: str) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        for message in self._claimed([claim]):
            await self.dead_letters.bury(message.delivered, reason)
            await self._settle([message])

    async def depth(self) -> Depth:
        """Tell how much there is to do; of messages, only those with us are known by their age."""
        names = (self._options.queue, f"{self._options.queue}.aside")
        waiting = sum([await self._connection.count(name) or 0 for name in names])
        dead = await self.dead_letters.count()
        ours = min(self._known.values(), key=lambda message: message.number, default=None)
        return Depth(waiting + len(self._known), _time(ours.text) if ours else None, dead)

    async def close(self) -> None:
        """Give back what is still claimed, and let go of the connection."""
        if self._renewing:  # half done it would leave two of a message
            await asyncio.wait(self._renewing, timeout=_RENEWS_WITHIN)
        await self._connection.close()

    # From the broker to the buffer

    @property
    def _is_full(self) -> bool:
        return len(self._known) >= self._options.prefetch

    async def _consuming(self) -> AbstractChannel | None:
        """Give the channel by which messages come; None while there is no such queue."""
        if self._channel is not None and self._is_cancelled:
            await self._channel.close()
        if self._channel is not None and not self._channel.is_closed:
            return self._channel
        self._lose_channel()
        if time.monotonic() < self._looks_at:
            return None
        channel = await self._connection.channel()
        with self._connection.explained():
            await channel.basic_qos(prefetch_count=self._options.prefetch)
            try:
                await channel.basic_consume(self._options.queue, self._arrive)
            except ChannelNotFoundEntity:
                self._tell_of_absence()
                return None
        channel.on_consumer_cancel_callbacks.add(self._cancel)
        channel.closing.add_done_callback(lambda _: self._news.set())
        self._has_told_of_absence = False
        self._channel = channel
        self._forgets_at = time.monotonic() + _COMES_AGAIN_WITHIN
        await self._let_arrive(channel)
        return channel

    def _lose_channel(self) -> None:
        """What is claimed stays so; what was not claimed comes again."""
        self._channel, self._is_cancelled = None, False
        self._unacknowledged.clear()
        for message in self._buffer:
            self._known.pop(message.key, None)
        self._buffer.clear()

    def _cancel(self, _: object) -> None:
        """Note that no more messages will come by this channel: their queue was deleted."""
        self._is_cancelled = True
        self._news.set()

    def _tell_of_absence(self) -> None:
        self._looks_at = time.monotonic() + _LOOKS_EVERY
        if not self._has_told_of_absence:
            self._has_told_of_absence = True
            log.warning(
                "The broker at %s has no queue '%s' yet. 'bin/magento setup:upgrade' makes it, "
                "once the module that publishes to it is there. Waiting for it.",
                self._options,
                self._options.queue,
            )

    async def _arrive(self, delivered: DeliveredMessage) -> None:
        tag = cast("int", delivered.delivery_tag)
        self._unacknowledged[delivered.channel].add(tag)
        message_id = delivered.header.properties.message_id or ""
        text = capture_text(delivered.body, message_id)
        key, view_id = _head(text, message_id)
        if (key in self._settled or key in self._acknowledged) and not is_copy(delivered):
            await self._acknowledge(delivered.channel, [tag])
            self._settled.discard(key)
        elif _returns(delivered) >= _RENEWED_AFTER:
            task = asyncio.create_task(self._renew(delivered))
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)
        elif message := self._known.get(key):
            if message.delivered.channel is not delivered.channel:
                message.delivered, message.tags = delivered, []
            message.tags.append(tag)
        else:
            self._came += 1
            message = _Message(key, self._came, view_id, text, delivered, [tag])
            self._known[key] = message
            self._buffer.append(message)
            self._news.set()

    async def _renew(self, delivered: DeliveredMessage) -> None:
        try:
            with self._connection.explained():
                await publish(delivered.channel, "", self._options.queue, delivered)
                await self._acknowledge(delivered.channel, [cast("int", delivered.delivery_tag)])
        except QueueError as error:
            # It is not lost: it comes again once this channel has ended.
            log.warning("A message that came back often could not be published anew: %s", error)

    async def _let_arrive(self, channel: AbstractChannel) -> None:
        """Wait for what is on its way: who finds nothing may end."""
        patience = _ARRIVES_WITHIN
        while not self._is_full:
            self._news.clear()  # before the questions: with the answers it may all be here
            with self._connection.explained():
                declared = await channel.queue_declare(self._options.queue, passive=True)
                # The broker's answer may overtake what it has sent us, but not that to a second
                # question.
                await channel.basic_qos(prefetch_count=self._options.prefetch)
            if not declared.message_count:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
            if not self._news.is_set():
                return  # another bridge has it
            patience = _FOLLOWS_WITHIN

    def _bring_back_postponed(self) -> None:
        now = time.monotonic()
        due: list[_Message] = []
        while self._postponed and self._postponed[0][0] <= now:
            due.append(heapq.heappop(self._postponed)[-1])
        if due:
            self._buffer = deque(sorted([*self._buffer, *due], key=lambda message: message.number))

    async def _set_aside(self, channel: AbstractChannel) -> None:
        """Let messages that must wait wait at the broker, so that those behind them come.

        They come back at the end of the queue: the order of events about one thing may suffer.
        """
        aside = f"{self._options.queue}.aside"
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._options.queue}
        await self._connection.declare(aside, {"x-message-ttl": _ASIDE_FOR, **back})
        messages, self._buffer = self._buffer, deque()
        with self._connection.explained():
            await asyncio.gather(
                *(publish(channel, "", aside, message.delivered) for message in messages)
            )
        await self._settle(messages)

    # From a claim's end to the broker

    def _claimed(self, claims: Sequence[Claim]) -> list[_Message]:
        """Give the messages of claims that were not told of yet."""
        messages = [self._known.get(_key(claim)) for claim in claims]
        return [message for message in messages if message and message.is_claimed]

    async def _settle(self, messages: Collection[_Message]) -> None:
        """Acknowledge messages, at once or, if their channel has gone, when they come again."""
        for message in messages:
            self._known.pop(message.key, None)
        channel = self._channel
        here = [message for message in messages if message.delivered.channel is channel]
        self._settled.update(message.key for message in messages)
        if channel is None or not here:
            return
        try:
            await self._acknowledge(channel, [tag for message in here for tag in message.tags])
        except QueueError as error:
            log.info("What was delivered is acknowledged when it comes again: %s", error)
        else:
            self._settled.difference_update(message.key for message in here)
            self._acknowledged.update((message.key, None) for message in here)
            too_many = max(0, len(self._acknowledged) - _REMEMBERS)
            for key in list(itertools.islice(self._acknowledged, too_many)):
                del self._acknowledged[key]

    async def _acknowledge(self, channel: AbstractChannel, tags: list[int]) -> None:
        """Acknowledge all up to the first that is still out at once, the others one by one."""
        # One after the other: of two that overtake each other, the second would name messages that
        # the broker no longer knows, for which it ends the channel.
        async with self._acknowledging:
            left = self._unacknowledged[channel]
            left.difference_update(tags)
            first_left = min(left, default=math.inf)
            tags.sort()
            together = [tag for tag in tags if tag < first_left]
            with self._connection.explained():
                if together:
                    await channel.basic_ack(together[-1], multiple=True)
                for tag in tags[len(together) :]:
                    await channel.basic_ack(tag, wait=tag == tags[-1])


def _returns(delivered: DeliveredMessage) -> int:
    """Give how often a message of a quorum queue came back unacknowledged."""
    count = (delivered.header.properties.headers or {}).get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def _head(text: bytes, message_id: str) -> tuple[str, int]:
    """Give what tells a message from others, and its store view."""
    try:
        head = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        head = _Head()
    return head.id or hashlib.sha256(message_id.encode() + text).hexdigest(), head.view_id


class _Head(msgspec.Struct):
    id: str = ""
    view_id: int = msgspec.field(name="store_id", default=0)


_decoder = msgspec.json.Decoder(_Head)


def _time(text: bytes) -> float | None:
    try:
        return read_capture(text).time
    except InvalidCaptureError:
        return None


def _key(claim: Claim) -> str:
    return cast("str", claim.handle)
