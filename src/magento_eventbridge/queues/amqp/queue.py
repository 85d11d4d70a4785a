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
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import Claim, Depth, QueueError
from magento_eventbridge.queues.amqp.connection import (
    AmqpConnection,
    AmqpOptions,
    Publisher,
    is_copy,
    is_renewal,
    while_open,
)
from magento_eventbridge.queues.amqp.consumers import Consumers, Room
from magento_eventbridge.queues.amqp.dead_letters import AmqpDeadLetters
from magento_eventbridge.queues.amqp.returns import (
    Returns,
    alone,
    check_returns,
    is_classic,
    is_test,
    proves_kept,
    returns_of,
    send_test,
    show_tested,
)

log = logging.getLogger(__name__)

# A queue's name with this ending: messages of store views that must wait, moved out of the way.
_ASIDE = ".aside"
# A queue's name with this ending: messages that came back, safe from the queue's delivery limit.
_RETURNED = ".returned"
# A classic queue: those have no delivery limit, whatever a policy says.
_OF_RETURNED: dict[str, str | int] = {"x-queue-type": "classic"}


@dataclass(frozen=True)
class AmqpTiming:
    """How long the queue waits for what; in seconds.

    Attributes:
        arrives_within: for a message that the broker counts as ready to arrive.
        follows_within: for the next message to follow it.
        checks_every: between two checks for a queue that does not exist yet.
        finds_returned_every: between two checks for returned messages of other bridges.
        checks_returns_every: between two checks of what the queue does with returned messages,
            while that is unknown, or while it drops them.
        checks_again_every: between two such checks afterwards: a policy may change.
        others_test_for: for another bridge that checks, before this one consumes.
        aside_for: how long moved messages stay out of the way.
        aside_retry: until the next try, when messages could not be moved out of the way.
        pause_allowed: until claims must be confirmed, when the process did not run; shorter than
            the broker's patience with a silent client.
        closes_within: for messages that are being published when the queue closes.
        stuck_after: how long messages in hand may wait, when their size leaves room for a few only,
            until more are received.
        redelivers_within: for a new channel to redeliver messages settled while no channel was
            open.
    """

    arrives_within: float = 1.0
    follows_within: float = 0.01
    checks_every: float = 2.0
    finds_returned_every: float = 10.0
    checks_returns_every: float = 5.0
    checks_again_every: float = 60.0
    others_test_for: float = 5.0
    aside_for: float = 60.0
    aside_retry: float = 5.0
    pause_allowed: float = 15.0
    closes_within: float = 5.0
    stuck_after: float = 2.0
    redelivers_within: float = 60.0


# How many acknowledged messages to remember: those of the last second or two.
_REMEMBERS = 20_000
# How many messages to move at once, unless the queue is known to keep what comes back often.
_MOVED_AT_ONCE = 10


@dataclass(eq=False)
class _Message:
    """A message that this bridge holds: in the buffer, claimed, or postponed."""

    key: str
    number: int  # its place in the order of arrival
    view_id: int
    text: bytes
    delivered: DeliveredMessage
    tags: list[int] = field(default_factory=list)  # of the channel that it arrived by
    is_claimed: bool = False
    is_deferred: bool = False


class AmqpQueue:
    """A queue of RabbitMQ; several bridges may share it.

    Messages that a bridge holds are not acknowledged yet: the broker redelivers them, to any
    bridge, once the connection ends. A message that is redelivered while its claim is still out is
    not handed out a second time.

    A quorum queue drops a message that was returned too often, and does not say how often that is.
    So a message that was returned once is copied to a queue of ours, and acknowledged when the copy
    is safe; the copy takes its place when it arrives. Unless the queue is known to keep messages
    that are returned several times, all are moved there, a few at a time, and arrive from there. A
    queue that keeps none is not consumed.
    """

    name = "amqp"

    def __init__(self, options: AmqpOptions, timing: AmqpTiming | None = None) -> None:
        """Prepare; the broker is contacted at the first use."""
        self._options = options
        self._timing = timing or AmqpTiming()
        self._connection = AmqpConnection(options)
        # A connection of its own: a broker that is short of memory or disk stops reading from
        # connections that publish, and acknowledgements must still reach it.
        self._publishing = AmqpConnection(options)
        # For questions that the broker may answer by closing a channel: a client that is busy with
        # acknowledgements does not confirm that, and the broker then closes the connection.
        self._asking = AmqpConnection(options)
        self._publisher = Publisher(self._publishing)
        self.dead_letters = AmqpDeadLetters(self._publishing, options.queue)
        self._aside = f"{options.queue}{_ASIDE}"
        self._returned = f"{options.queue}{_RETURNED}"
        self._channel: AbstractChannel | None = None
        self._room = Room(options.prefetch)
        self._held = 0  # messages, after the last claim
        self._stuck_since = 0.0  # since when none was claimed or settled
        self._consumers: Consumers | None = None  # of the channel
        self._is_cancelled = False
        self._checks_at = 0.0
        self._finds_returned_at = 0.0
        self._has_logged_absence = False
        self._returns = Returns.UNKNOWN
        self._checks_returns_at = 0.0
        self._checking: asyncio.Task[None] | None = None
        self._has_rescued = False  # whether a test saved a message of the shop
        self._is_moving = False  # whether what arrives from the queue itself is moved
        self._aside_at = 0.0
        self._has_logged_aside = False
        self._has_logged_copy = False
        self._news = asyncio.Event()
        self._arrived = 0
        self._known: dict[str, _Message] = {}
        self._buffer: deque[_Message] = deque()
        self._postponed: list[tuple[float, int, _Message]] = []
        # Settled while the channel that they came by was closed: acknowledged when redelivered.
        self._settled: set[str] = set()
        # Acknowledged lately, in order: a broker that crashes may forget acknowledgements.
        self._acknowledged: dict[str, None] = {}
        self._forgets_at = math.inf
        # By channel: the next channel's tags start from the beginning.
        self._unacknowledged: defaultdict[AbstractChannel, set[int]] = defaultdict(set)
        self._acknowledging = asyncio.Lock()
        self._opening_returned = asyncio.Lock()
        self._ran_at = math.inf  # nothing is claimed before the first channel
        self._clock: asyncio.Task[None] | None = None
        self._renewing: set[asyncio.Task[None]] = set()

    @property
    def prefetch(self) -> int:
        """How many messages a bridge may hold at once, claimed or not."""
        return self._options.prefetch

    @property
    def place(self) -> tuple[object, ...]:
        """Where the messages are."""
        return self._options.place

    def use(self, options: AmqpOptions) -> None:
        """Log in with other options from the next connection on; the place stays."""
        self._options = options
        self._connection.use(options)
        self._publishing.use(options)
        self._asking.use(options)

    def when_login_refused(self, call: Callable[[], None]) -> None:
        """Call this whenever the broker refuses the login, which may have been changed."""
        for connection in (self._connection, self._publishing, self._asking):
            connection.on_refused_login = call

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` waiting captures, except those of the store views named."""
        self._news.clear()
        channel = await self._consuming()
        if channel is None:
            return []
        if time.monotonic() > self._forgets_at:
            self._settled.clear()
        self._return_postponed()
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
            await self._set_aside()
        if self._returns is Returns.DROPPED and not claims:
            if self._consumers and self._options.queue in self._consumers:
                await self._stop_consuming(self._consumers)
            raise QueueError(self._dropped)
        held = len(self._known)
        if claims or self._buffer or held < self._held:
            self._stuck_since = time.monotonic()
        self._held = held
        self._adapt_room(is_stuck=await self._holds_others_up(channel))
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        if self._postponed:
            seconds = min(seconds, max(0.0, self._postponed[0][0] - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event."""
        await self._settle(self._claimed(claims))

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Return captures to the queue; they can be claimed again after `delay` seconds."""
        messages = self._claimed(claims)
        if delay >= self._timing.aside_for:
            # They would hold up those behind them: a bridge may hold a limited number.
            moved = await self._move_aside(messages)
            await self._settle(moved)
            messages = [message for message in messages if message not in moved]
            delay = self._timing.aside_retry
        due = time.monotonic() + delay
        for message in messages:
            message.is_claimed = message.is_deferred = False
            heapq.heappush(self._postponed, (due, message.number, message))
        self._news.set()

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep messages claimed; another consumer receives those behind them.

        Each consumer may hold as many messages as `prefetch`. Deferred ones stay with the bridge,
        unacknowledged, up to ten times that, or up to `prefetch` if they are large; from then on
        the queue waits for them.
        """
        for message in self._claimed(claims):
            message.is_deferred = True
        deferred = sum(message.is_deferred for message in self._known.values())
        channel, consumers = self._channel, self._consumers
        if channel is not None and consumers is not None and not channel.is_closed:
            await consumers.add(
                self._returned if self._is_moving else self._options.queue, deferred
            )

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return claimed messages with their bodies, which are still held here."""
        messages = self._claimed(claims)
        for message in messages:
            message.is_deferred = False
        return [Claim(message.key, message.text) for message in messages]

    def holds_claims(self) -> bool:
        """Return whether this process ran lately: the broker closes a silent client's connection.

        While the broker is unavailable, claims stay: what it redelivers is recognized.
        """
        return time.monotonic() - self._ran_at < self._timing.pause_allowed

    async def confirm(self) -> bool:
        """Ask the broker after a pause; if it has closed the channel, drop what came by it."""
        problem = await self._channel_problem()
        if problem is not None:
            log.warning(
                "After a pause the broker at %s no longer waits for this bridge (%s): messages in "
                "hand are dropped here, and redelivered.",
                self._options,
                problem,
            )
            self._forget_channel()
            self._known.clear()
            self._postponed.clear()
        self._ran_at = time.monotonic()
        return problem is None

    async def _channel_problem(self) -> str | None:
        channel = self._channel
        if channel is None or channel.is_closed:
            return "the channel is closed"
        try:
            await self._ready(channel, self._options.queue)
        except QueueError as error:
            return str(error)
        return None

    async def _keep_time(self) -> None:
        """Record that this process runs; a gap is a pause, which only `confirm` may close."""
        while True:
            await asyncio.sleep(1.0)
            if self.holds_claims():
                self._ran_at = time.monotonic()

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        for message in self._claimed([claim]):
            await self.dead_letters.bury(message.delivered, reason, body)
            await self._settle([message])

    async def depth(self) -> Depth:
        """Return how much there is to deliver; the age is that of the oldest message held."""
        names = (self._options.queue, self._aside, self._returned)
        waiting = sum([await self._asking.count(name) or 0 for name in names])
        dead = await self._asking.count(self.dead_letters.name) or 0
        ours = min(self._known.values(), key=lambda message: message.number, default=None)
        return Depth(waiting + len(self._known), _time(ours.text) if ours else None, dead)

    async def ready(self) -> int:
        """Return how many messages of Magento's queue no consumer holds."""
        return await self._asking.count(self._options.queue) or 0

    async def consumers(self) -> int:
        """Return how many consumers the queue has, this bridge included while it consumes."""
        return await self._asking.consumers(self._options.queue)

    async def problem(self) -> str | None:
        """Return why the queue cannot be consumed without losing messages; None: as far as known,
        it can.

        Raises:
            QueueError: the broker is unavailable.
        """
        if await self._asking.count(self._options.queue) is None:
            return None
        queue = self._options.queue
        async with alone(self._publishing, queue) as is_alone:
            returns = await check_returns(
                self._publishing, queue, self._rescue, is_alone=is_alone, may_take=False
            )
        return self._dropped if returns is Returns.DROPPED else None

    async def close(self) -> None:
        """Return what is still claimed to the queue; close the connections."""
        for task in (self._clock, self._checking):
            if task is not None:
                task.cancel()
        if self._renewing:  # a renewal that is cut short leaves a message twice
            await asyncio.wait(self._renewing, timeout=self._timing.closes_within)
        await self._connection.close()
        await self._publishing.close()
        await self._asking.close()

    # From the broker to the buffer

    @property
    def _is_full(self) -> bool:
        prefetch = self._consumers.prefetch if self._consumers else 0
        return prefetch > 0 and len(self._known) >= prefetch

    @property
    def _moves(self) -> bool:
        """Whether messages are moved to the queue of returned ones before they are claimed."""
        return self._returns in (Returns.UNKNOWN, Returns.SELDOM)

    @property
    def _dropped(self) -> str:
        return (
            f"{self._options}: the queue '{self._options.queue}' has a delivery limit of 0: it "
            "drops each message that comes back unacknowledged, as after a crash of the bridge. So "
            "it is not consumed. For all queues whose names begin with this one, set the policy's "
            "delivery-limit to 1 or more, then restart the bridge; an argument x-delivery-limit of "
            "0 can only be changed by creating the queue again"
        )

    async def _consuming(self) -> AbstractChannel | None:
        """Return the channel by which messages arrive; None while their queue does not exist."""
        if self._channel is not None and self._is_cancelled:
            await self._channel.close()
        if self._channel is None or self._channel.is_closed:
            self._forget_channel()
            if time.monotonic() < self._checks_at:
                return None
            if await self._asking.count(self._options.queue) is None:
                self._report_absence()
                return None
            self._has_logged_absence = False
            await self._open_channel()
        channel, consumers = self._channel, self._consumers
        if channel is not None and consumers is not None:
            await self._find_returned(channel, consumers)
            await self._consume(channel, consumers)
            self._adapt_room()
            while await consumers.follow(len(self._known)):
                only_returned = self._options.queue not in consumers
                await self._let_arrive(channel, self._returned if only_returned else None)
                self._adapt_room()
        return channel

    def _adapt_room(self, *, is_stuck: bool = False) -> None:
        held, now = len(self._known), time.monotonic()
        self._room.adapt(held, now, is_full=self._is_full, is_stuck=is_stuck)

    async def _open_channel(self) -> None:
        channel = await self._connection.channel()
        channel.closing.add_done_callback(lambda _: self._news.set())
        channel.on_consumer_cancel_callbacks.add(self._cancel)
        most = self._options.prefetch
        if self._room.most != most:  # read again with the login
            self._room = Room(most)
        self._channel = channel
        self._consumers = Consumers(self._connection, channel, most, self._room)
        self._is_moving = False
        if self._clock is None:
            self._ran_at = time.monotonic()
            self._clock = asyncio.create_task(self._keep_time(), name="clock of the amqp queue")
        self._forgets_at = math.inf
        self._finds_returned_at = self._checks_returns_at = 0.0
        if self._returns is not Returns.DROPPED:
            self._returns = Returns.UNKNOWN  # a policy may have changed

    async def _find_returned(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume returned messages, which another bridge may have left behind."""
        if self._returned in consumers or time.monotonic() < self._finds_returned_at:
            return
        self._finds_returned_at = time.monotonic() + self._timing.finds_returned_every
        if await self._asking.count(self._returned) is not None:
            await self._consume_returned(channel)
            await self._let_arrive(channel, self._returned)

    async def _consume(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume the queue, as soon as the older messages, which were returned, are all held."""
        queue = self._options.queue
        is_consumed = queue in consumers
        is_right = self._is_moving == self._moves and self._returns is not Returns.DROPPED
        if is_consumed and is_right and not self._moves:
            self._check_again()
        if is_consumed and is_right and not (self._moves and self._is_check_due):
            return
        if is_consumed and is_right and self._buffer:
            return
        if is_consumed:
            if is_right and await self._ready(channel, queue):
                return
            await self._stop_consuming(consumers)
        if self._returns is Returns.KEPT or not self._is_check_due:
            await self._start_consuming(channel, consumers)
        else:
            waits = self._timing.others_test_for
            async with alone(self._publishing, queue, wait_seconds=waits) as is_alone:
                self._has_rescued = False
                await self._check_returns(is_alone=is_alone)
                if self._has_rescued:  # what was rescued comes before all that waits
                    await self._find_returned(channel, consumers)
                await self._start_consuming(channel, consumers)
        if queue in consumers:
            self._forgets_at = time.monotonic() + self._timing.redelivers_within
            await self._let_arrive(channel)

    async def _start_consuming(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume the queue, unless it drops messages, or older ones have not arrived yet."""
        if self._returns is Returns.DROPPED:
            return
        older = self._returned in consumers and not self._moves
        if older and await self._ready(channel, self._returned):
            return
        if self._moves:
            await self._consume_returned(channel)
            await consumers.start_passing_on(self._options.queue, self._move, _MOVED_AT_ONCE)
        else:
            follows = await is_classic(self._asking, self._options.queue)
            await consumers.start(self._options.queue, self._arrive, follows_room=follows)
        self._is_moving = self._moves

    async def _stop_consuming(self, consumers: Consumers) -> None:
        """Receive nothing more from the queue itself; what has arrived is still moved."""
        await consumers.stop(self._options.queue)
        if self._renewing:
            await asyncio.wait(self._renewing, timeout=self._timing.closes_within)

    @property
    def _is_check_due(self) -> bool:
        return time.monotonic() >= self._checks_returns_at

    def _check_again(self) -> None:
        """Check in the background whether the queue still keeps what is returned."""
        if self._is_check_due and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check_in_background())

    async def _check_in_background(self) -> None:
        async with alone(self._publishing, self._options.queue) as is_alone:
            await self._check_returns(is_alone=is_alone)

    async def _check_returns(self, *, is_alone: bool) -> None:
        """Find out how often the queue keeps a message that is returned."""
        queue, was = self._options.queue, self._returns
        self._checks_returns_at = time.monotonic() + self._timing.checks_returns_every
        try:
            others = await self._asking.consumers(self._returned)
            if self._consumers and self._returned in self._consumers:
                others -= 1
            # Another bridge that stops consuming for a moment would receive what is returned.
            returns = await check_returns(
                self._publishing, queue, self._rescue, is_alone=is_alone, may_take=others <= 0
            )
            if returns is Returns.UNKNOWN and was is not Returns.KEPT:
                if not await self._asking.consumers(queue):
                    return
                # Nobody can test alone: every bridge returns this message, until one knows enough.
                await send_test(self._publishing, queue)
        except QueueError as error:
            log.info("What becomes of returned messages could not be checked: %s", error)
            return
        if returns is not Returns.DROPPED or self._has_rescued:
            self._checks_returns_at = time.monotonic() + self._timing.checks_again_every
        if returns is Returns.UNKNOWN or self._returns is not was:
            return
        self._returns = returns
        if was is Returns.KEPT and returns is not was:
            self._copy_held()

    def _copy_held(self) -> None:
        """Copy the messages in hand: the queue may drop them when they come back."""
        for message in self._known.values():
            delivered = message.delivered
            if not is_renewal(delivered) and not returns_of(delivered):
                for tag in message.tags:
                    self._in_background(self._renew(delivered, tag))

    async def _rescue(self, delivered: DeliveredMessage) -> None:
        """Copy a message to the queue of returned ones."""
        self._has_rescued = True
        self._finds_returned_at = 0.0
        await self._publishing.declare(self._returned, _OF_RETURNED)
        await self._publisher.renew(self._returned, delivered)

    async def _consume_returned(self, channel: AbstractChannel) -> None:
        """Consume the returned messages; their queue is created where necessary."""
        async with self._opening_returned:
            consumers = self._consumers
            if consumers is None or self._returned in consumers or channel is not self._channel:
                return
            await self._publishing.declare(self._returned, _OF_RETURNED)
            await consumers.start(self._returned, self._arrive, follows_room=True)

    async def _holds_others_up(self, channel: AbstractChannel) -> bool:
        """Return whether messages wait for room, which those in hand have filled for a while."""
        if not self._is_full or self._held >= self._options.prefetch:
            return False
        if time.monotonic() - self._stuck_since < self._timing.stuck_after:
            return False
        self._stuck_since = time.monotonic()
        return bool(await self._ready(channel, self._options.queue))

    async def _ready(self, channel: AbstractChannel, queue: str) -> int:
        with self._connection.explained():
            declared = await channel.queue_declare(queue, passive=True)
        return declared.message_count or 0

    def _forget_channel(self) -> None:
        """Drop messages that nobody claimed, which are redelivered; claims stay."""
        self._channel = self._consumers = None
        self._is_cancelled = False
        self._unacknowledged.clear()
        for message in self._buffer:
            self._known.pop(message.key, None)
        self._buffer.clear()

    def _cancel(self, _: object) -> None:
        """Record that this channel receives no more messages: the queue was deleted."""
        self._is_cancelled = True
        self._news.set()

    def _report_absence(self) -> None:
        self._checks_at = time.monotonic() + self._timing.checks_every
        if not self._has_logged_absence:
            self._has_logged_absence = True
            log.warning(
                "The broker at %s has no queue '%s' yet. 'bin/magento setup:upgrade' creates it, "
                "once the module that publishes to it is installed. Waiting for it.",
                self._options,
                self._options.queue,
            )

    async def _move(self, delivered: DeliveredMessage) -> None:
        await self._arrive(delivered, is_moved=True)

    async def _arrive(self, delivered: DeliveredMessage, *, is_moved: bool = False) -> None:
        tag = cast("int", delivered.delivery_tag)
        self._unacknowledged[delivered.channel].add(tag)
        if is_test(delivered):
            await self._return_test(delivered, tag)
            return
        key, view_id, text = _read(delivered)
        self._room.arrived(len(delivered.body))
        if message := self._known.get(key):
            if message.delivered.channel is not delivered.channel:
                message.tags = []
            message.delivered = delivered
            message.tags.append(tag)
        elif self._is_settled(key, delivered):
            await self._acknowledge(delivered.channel, [tag])
            self._settled.discard(key)
            return
        elif not is_moved:
            self._arrived += 1
            message = _Message(key, self._arrived, view_id, text, delivered, [tag])
            self._known[key] = message
            self._buffer.append(message)
            self._news.set()
        is_unsafe = self._returns is Returns.DROPPED and not is_renewal(delivered)
        if is_moved or is_unsafe or returns_of(delivered):
            self._in_background(self._renew(delivered, tag))

    async def _return_test(self, delivered: DeliveredMessage, tag: int) -> None:
        """Return a test message again and again: if it survives, the queue keeps what returns."""
        channel = delivered.channel
        if delivered.redelivered and not returns_of(delivered):
            await self._acknowledge(channel, [tag])  # no queue that counts
        elif not proves_kept(delivered):
            self._unacknowledged[channel].discard(tag)
            with self._connection.explained():
                await channel.basic_nack(tag, requeue=True)
        else:
            await self._acknowledge(channel, [tag])
            if self._returns is not Returns.KEPT:
                self._returns = Returns.KEPT
                self._in_background(self._show_tested())
                self._news.set()

    async def _show_tested(self) -> None:
        try:
            await show_tested(self._publishing, self._options.queue)
        except QueueError as error:
            log.info("Other bridges cannot see that the queue was tested: %s", error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that a closing queue waits for."""
        task = asyncio.create_task(work)
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)
        return task

    def _is_settled(self, key: str, delivered: DeliveredMessage) -> bool:
        """Whether a message was settled before it arrived again."""
        if is_copy(delivered) and not is_renewal(delivered):
            # Sent again on purpose: a dead letter, or a message that was out of the way.
            self._settled.discard(key)
            self._acknowledged.pop(key, None)
        return key in self._settled or key in self._acknowledged

    async def _renew(self, delivered: DeliveredMessage, tag: int) -> None:
        """Copy a message to where no delivery limit can drop it, and acknowledge it."""
        channel = delivered.channel
        while tag in self._unacknowledged[channel] and not channel.is_closed:
            try:
                await self._consume_returned(channel)
                await self._publisher.renew(self._returned, delivered)
                await self._acknowledge(channel, [tag])
            except QueueError as error:
                # It is not lost: the broker redelivers it once this channel has ended.
                if not self._has_logged_copy:
                    log.warning(
                        "A message could not be copied to '%s': %s. A delivery limit of its queue "
                        "may drop it. Retrying until it works.",
                        self._returned,
                        error,
                    )
                self._has_logged_copy = True
                await asyncio.sleep(self._timing.aside_retry)
            else:
                self._has_logged_copy = False

    async def _let_arrive(self, channel: AbstractChannel, queue: str | None = None) -> None:
        """Wait for messages that are on their way: a caller that gets none may stop."""
        moves = queue is None and self._is_moving
        queues = [queue or self._options.queue, *([self._returned] if moves else [])]
        patience = self._timing.arrives_within
        while not self._is_full:
            self._news.clear()  # before the questions: with the answers all may have arrived
            ready = sum([await self._ready(channel, name) for name in queues])
            if self._consumers:
                await self._consumers.pass_on()
            if not ready and not (moves and self._renewing):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
            if not self._news.is_set():
                return  # another bridge has it
            if not moves:
                patience = self._timing.follows_within

    def _return_postponed(self) -> None:
        now = time.monotonic()
        due: list[_Message] = []
        while self._postponed and self._postponed[0][0] <= now:
            due.append(heapq.heappop(self._postponed)[-1])
        if due:
            self._buffer = deque(sorted([*self._buffer, *due], key=lambda message: message.number))

    async def _set_aside(self) -> None:
        """Move messages that must wait out of the way, so that those behind them arrive.

        They come back at the end of the queue: events about one thing may change their order. What
        cannot be moved stays in the buffer.
        """
        if time.monotonic() < self._aside_at:
            return
        moved = await self._move_aside(list(self._buffer))
        self._buffer = deque(message for message in self._buffer if message not in moved)
        await self._settle(moved)

    async def _move_aside(self, messages: Sequence[_Message]) -> set[_Message]:
        """Copy messages to the other queue; return those that are safe there."""
        moved, problem = await self._copied_aside(messages)
        if problem is None:
            self._has_logged_aside = False
            return moved
        self._aside_at = time.monotonic() + self._timing.aside_retry
        if not self._has_logged_aside:
            self._has_logged_aside = True
            log.warning(
                "Messages that must wait could not all be moved to '%s': %s. They hold up the "
                "messages behind them. Retrying until it works.",
                self._aside,
                problem,
            )
        return moved

    async def _copied_aside(
        self, messages: Sequence[_Message]
    ) -> tuple[set[_Message], QueueError | None]:
        """Return the messages that are safe in the other queue, and why others are not."""
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._options.queue}
        milliseconds = int(self._timing.aside_for * 1000)
        try:
            await self._publishing.declare(self._aside, {"x-message-ttl": milliseconds, **back})
        except QueueError as error:
            return set(), error
        results = await asyncio.gather(
            *(self._publisher.copy(self._aside, message.delivered) for message in messages),
            return_exceptions=True,
        )
        problem: QueueError | None = None
        moved: set[_Message] = set()
        for message, result in zip(messages, results, strict=True):
            if result is None:
                moved.add(message)
            elif isinstance(result, QueueError):
                problem = result
            else:
                raise result
        return moved, problem

    # From a claim's end to the broker

    def _claimed(self, claims: Sequence[Claim]) -> list[_Message]:
        """Return the messages of claims that are not settled yet."""
        messages = [self._known.get(_key(claim)) for claim in claims]
        return [message for message in messages if message and message.is_claimed]

    async def _settle(self, messages: Collection[_Message]) -> None:
        """Acknowledge messages, at once or, if their channel is closed, when redelivered."""
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
            log.info("Delivered messages are acknowledged when they are redelivered: %s", error)
        else:
            self._settled.difference_update(message.key for message in here)
            self._acknowledged.update((message.key, None) for message in here)
            too_many = max(0, len(self._acknowledged) - _REMEMBERS)
            for key in list(itertools.islice(self._acknowledged, too_many)):
                del self._acknowledged[key]

    async def _acknowledge(self, channel: AbstractChannel, tags: list[int]) -> None:
        """Acknowledge messages, also if the caller is cancelled: it would not do so again."""
        sending = self._in_background(self._send_acknowledgements(channel, tags))
        sending.add_done_callback(_note_failure)
        await asyncio.shield(sending)

    async def _send_acknowledgements(self, channel: AbstractChannel, tags: list[int]) -> None:
        """Acknowledge all up to the first unacknowledged one together, the others one by one."""
        # One call after the other: of two that overtake each other, the second would name messages
        # that the broker no longer knows, for which it closes the channel.
        async with self._acknowledging:
            left = self._unacknowledged[channel]
            tags = [tag for tag in tags if tag in left]
            left.difference_update(tags)
            first_left = min(left, default=math.inf)
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


def _read(delivered: DeliveredMessage) -> tuple[str, int, bytes]:
    """Return what distinguishes a message from others, its store view and its capture's text.

    Two messages are the same only if their content is: two captures may have one ID.
    """
    message_id = str(delivered.header.properties.message_id or "")
    text = capture_text(delivered.body, message_id)
    try:
        identity = _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        identity = _Identity()
    digest = hashlib.sha256(text).hexdigest()
    return f"{identity.id or message_id} {digest}", identity.store_id, text


class _Identity(msgspec.Struct):
    """The fields of a capture that the queue needs."""

    id: str = ""
    store_id: int = 0


_decoder = msgspec.json.Decoder(_Identity)


def _time(text: bytes) -> float | None:
    try:
        return read_capture(text).time
    except InvalidCaptureError:
        return None


def _key(claim: Claim) -> str:
    return cast("str", claim.handle)
