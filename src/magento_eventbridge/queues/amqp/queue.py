"""The `amqp` queue: Magento's message queue in RabbitMQ."""

import asyncio
import contextlib
import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import cast

from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.delivery.ports import Claim, Depth, QueueError
from magento_eventbridge.queues.amqp.acknowledgements import Acknowledgements
from magento_eventbridge.queues.amqp.aside import Aside
from magento_eventbridge.queues.amqp.background import Background
from magento_eventbridge.queues.amqp.connection import AmqpConnection, AmqpOptions
from magento_eventbridge.queues.amqp.consumers import Consumers
from magento_eventbridge.queues.amqp.dead_letters import AmqpDeadLetters
from magento_eventbridge.queues.amqp.deferred import Deferred
from magento_eventbridge.queues.amqp.messages import HeldMessage, consumer_of, read_message
from magento_eventbridge.queues.amqp.pauses import Running
from magento_eventbridge.queues.amqp.publishing import Publisher, is_renewal
from magento_eventbridge.queues.amqp.return_checks import ReturnChecks
from magento_eventbridge.queues.amqp.returns import (
    Returns,
    alone,
    is_test,
    proves_kept,
    returns_of,
)
from magento_eventbridge.queues.amqp.room import Room
from magento_eventbridge.queues.amqp.safe_copies import SafeCopies
from magento_eventbridge.queues.amqp.timing import AmqpTiming

log = logging.getLogger(__name__)

# How many messages to move at once, unless the queue is known to keep what comes back often.
_MOVED_AT_ONCE = 10


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
        self._running = Running(self._timing.pause_allowed)
        self._background = Background()
        self._acknowledgements = Acknowledgements(self._connection, self._background)
        self._copies = SafeCopies(
            self._publishing,
            self._publisher,
            options.queue,
            self._timing,
            self._acknowledgements,
            self._consume_returned,
        )
        self._aside = Aside(
            self._publishing, self._publisher, options.queue, self._timing, self._copies
        )
        self._checks = ReturnChecks(
            self._publishing,
            self._asking,
            options.queue,
            self._timing,
            self._copies.name,
            self._rescue,
            self._copies.take_messages,
            self._consumes_copies,
            self._copy_held,
        )
        self._channel: AbstractChannel | None = None
        self._room = Room(options.prefetch)
        self._held = 0  # messages, after the last claim
        self._stuck_since = 0.0  # since when none was claimed or settled
        self._consumers: Consumers | None = None  # of the channel
        self._is_cancelled = False
        self._looks_at = 0.0  # for a queue that does not exist yet
        self._finds_returned_at = 0.0
        self._waits_for_older_until = 0.0
        self._has_logged_absence = False
        self._arrived_at = 0.0  # the last message, or before it the channel was opened
        self._has_logged_silence = False
        self._is_moving = False  # whether what arrives from the queue itself is moved
        self._news = asyncio.Event()
        self._arrived = 0
        self._stuck_views: Collection[int] = ()
        self._known: dict[str, HeldMessage] = {}  # in the order of arrival
        self._deferred = Deferred()
        self._buffer: deque[HeldMessage] = deque()
        self._postponed: list[tuple[float, int, HeldMessage]] = []
        self._opening_returned = asyncio.Lock()

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
        self._acknowledgements.forget_settled()
        self._return_postponed()
        if not self._buffer:
            await self._let_arrive(channel)
        claims: list[Claim] = []
        passed_over: deque[HeldMessage] = deque()
        while self._buffer and len(claims) < limit:
            message = self._buffer.popleft()
            if message.view_id in without_views:
                passed_over.append(message)
            else:
                message.is_claimed = True
                message.unpack()
                claims.append(Claim(message.key, message.text))
        self._buffer.extendleft(reversed(passed_over))
        if passed_over and not claims and self._options.sets_aside and self._is_full:
            await self._set_aside(
                [each for each in passed_over if each.view_id in self._stuck_views]
            )
        problem = self._problem_of(self._checks.returns)
        if problem and not claims:
            if self._consumers and self._options.queue in self._consumers:
                await self._stop_consuming(self._consumers)
            raise QueueError(problem)
        held = self._awaited
        if claims or self._buffer or held < self._held:
            self._stuck_since = time.monotonic()
        self._held = held
        is_stuck = await self._holds_others_up(channel)
        self._adapt_room(is_stuck=is_stuck)
        if is_stuck and self._consumers:
            await self._consumers.use_what_is_left(held)
        return claims

    def let_pass(self, views: Collection[int]) -> None:
        """Move messages of these store views out of the way, from the next claim on."""
        self._stuck_views = views

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
            moved = await self._aside.move(messages)
            await self._settle(moved)
            messages = [message for message in messages if message not in moved]
            delay = self._timing.aside_retry
        due = time.monotonic() + delay
        self._deferred.discard(messages)
        for message in messages:
            message.is_claimed = False
            heapq.heappush(self._postponed, (due, message.number, message))
        self._news.set()

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep messages claimed; the next claim lets further consumers receive those behind them.

        Deferred ones stay with the bridge, unacknowledged and compressed, as many as its memory
        allows; from then on the queue waits for them.
        """
        self._deferred.add(self._claimed(claims))

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return claimed messages with their bodies, which are still held here."""
        messages = self._claimed(claims)
        self._deferred.discard(messages)
        for message in messages:
            message.unpack()
        return [Claim(message.key, message.text) for message in messages]

    def holds_claims(self) -> bool:
        """Return whether this process ran lately: the broker closes a silent client's connection.

        While the broker is unavailable, claims stay: what it redelivers is recognized.
        """
        return self._running.is_unbroken

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
            self._deferred.clear()
            self._postponed.clear()
        self._running.resume()
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

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        for message in self._claimed([claim]):
            await self.dead_letters.bury(message.delivered, reason, body)
            await self._settle([message])

    async def depth(self) -> Depth:
        """Return how much there is to deliver; the age is that of the oldest message held."""
        names = (self._options.queue, self._aside.name, self._copies.name)
        waiting = sum([await self._asking.count(name) or 0 for name in names])
        dead = await self._asking.count(self.dead_letters.name) or 0
        ours = next(iter(self._known.values()), None)
        return Depth(waiting + len(self._known), _time(ours.text) if ours else None, dead)

    async def ready(self) -> int:
        """Return how many messages of Magento's queue no consumer holds."""
        return await self._asking.count(self._options.queue) or 0

    async def consumers(self) -> int:
        """Return how many consumers the queue has, this bridge included while it consumes."""
        return await self._asking.consumers(self._options.queue)

    async def problem(self) -> str | None:
        """Return why the queue is not consumed; None: as far as known, it can be.

        Raises:
            QueueError: the broker is unavailable.
        """
        if await self._asking.count(self._options.queue) is None:
            return None
        return self._problem_of(await self._checks.look())

    async def close(self) -> None:
        """Return what is still claimed to the queue; close the connections."""
        self._running.stop()
        self._checks.stop()
        # A renewal that is cut short leaves a message twice.
        await self._aside.close(within=self._timing.closes_within)
        await self._background.finish(within=self._timing.closes_within)
        await self._connection.close()
        await self._publishing.close()
        await self._asking.close()

    # From the broker to the buffer

    @property
    def _awaited(self) -> int:
        """How many messages are held, without the deferred ones."""
        return len(self._known) - len(self._deferred)

    @property
    def _is_full(self) -> bool:
        consumers = self._consumers
        if consumers is None or not consumers.prefetch:
            return False
        return self._awaited + sum(map(self._deferred.of, consumers.tags)) >= consumers.prefetch

    @property
    def _is_long_idle(self) -> bool:
        """Whether nothing has come for long, and nothing is in hand.

        The messages of a queue that was created again are perhaps all held for a consumer that is
        never sent any: they do not even count as waiting.
        """
        idle = time.monotonic() - self._arrived_at
        return idle > self._timing.renews_after and not self._known and not self._background

    def _problem_of(self, returns: Returns) -> str | None:
        queue = f"{self._options}: the queue '{self._options.queue}'"
        if returns is Returns.DROPPED:
            return (
                f"{queue} has a delivery limit of 0: it drops each message that comes back "
                "unacknowledged, as after a crash of the bridge. So it is not consumed. For all "
                "queues whose names begin with this one, set the policy's delivery-limit to 1 or "
                "more, then restart the bridge; an argument x-delivery-limit of 0 can only be "
                "changed by creating the queue again"
            )
        if returns is Returns.REPEATED:
            return (
                f"{queue} is a stream, which hands out its messages again and again. So it is not "
                "consumed. Delete it, and with it the messages that it holds; then let "
                "'bin/magento setup:upgrade' create it again as a classic or a quorum queue. If it "
                "becomes a stream again, change the virtual host's default queue type"
            )
        return None

    async def _consuming(self) -> AbstractChannel | None:
        """Return the channel by which messages arrive; None while their queue does not exist."""
        if self._channel is not None and (self._is_cancelled or self._is_long_idle):
            await self._channel.close()
        if self._channel is None or self._channel.is_closed:
            self._forget_channel()
            if time.monotonic() < self._looks_at:
                return None
            if await self._asking.count(self._options.queue) is None:
                self._report_absence()
                return None
            self._has_logged_absence = False
            await self._open_channel()
            self._aside.return_due()
            await self._aside.finish(self._timing.arrives_within)
        channel, consumers = self._channel, self._consumers
        if channel is not None and consumers is not None:
            self._aside.return_due()
            await self._find_returned(channel, consumers)
            await self._consume(channel, consumers)
            self._adapt_room()
            if not self._deferred.is_full:
                await consumers.make_room_beside(self._deferred.of)
            while await consumers.follow(self._awaited):
                only_returned = self._options.queue not in consumers
                await self._let_arrive(channel, self._copies.name if only_returned else None)
                self._adapt_room()
        return channel

    def _adapt_room(self, *, is_stuck: bool = False) -> None:
        held, now = self._awaited, time.monotonic()
        self._room.adapt(held, now, is_full=self._is_full, is_stuck=is_stuck)

    async def _open_channel(self) -> None:
        channel = await self._connection.channel()
        channel.closing.add_done_callback(lambda _: self._news.set())
        channel.on_consumer_cancel_callbacks.add(self._cancel)
        most = self._options.prefetch
        if self._room.most != most:  # read again with the login
            self._room = Room(most)
        self._channel = channel
        self._arrived_at = time.monotonic()
        self._consumers = Consumers(self._connection, channel, most, self._room)
        self._is_moving = False
        self._running.start()
        self._acknowledgements.keep_settled()
        self._finds_returned_at = 0.0
        self._waits_for_older_until = time.monotonic() + self._timing.older_within
        self._checks.begin_again()

    async def _find_returned(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume returned messages, which another bridge may have left behind."""
        if self._copies.name in consumers or time.monotonic() < self._finds_returned_at:
            return
        self._finds_returned_at = time.monotonic() + self._timing.finds_returned_every
        if await self._asking.count(self._copies.name) is not None:
            await self._consume_returned(channel)
            await self._let_arrive(channel, self._copies.name)

    async def _consume(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume the queue, as soon as the older messages, which were returned, are all held."""
        queue = self._options.queue
        is_consumed = queue in consumers
        is_right = self._is_moving == self._checks.moves and self._checks.returns.may_be_consumed
        if is_consumed and is_right and not self._checks.moves:
            self._checks.check_later()
        if is_consumed and is_right and not (self._checks.moves and self._checks.is_due):
            return
        if is_consumed and is_right and self._buffer:
            return
        if is_consumed:
            if is_right and await self._ready(channel, queue):
                return
            await self._stop_consuming(consumers)
        if self._checks.returns is Returns.KEPT or not self._checks.is_due:
            await self._start_consuming(channel, consumers)
        else:
            waits = self._timing.others_test_for
            async with alone(self._asking, queue, wait_seconds=waits) as is_alone:
                self._checks.has_rescued = False
                await self._checks.check(is_alone=is_alone)
                if self._checks.has_rescued:  # what was rescued comes before all that waits
                    await self._find_returned(channel, consumers)
                await self._start_consuming(channel, consumers)
        if queue in consumers:
            self._acknowledgements.await_redelivery(self._timing.redelivers_within)
            await self._let_arrive(channel)

    async def _start_consuming(self, channel: AbstractChannel, consumers: Consumers) -> None:
        """Consume the queue, unless it must not be, or older messages have not arrived yet."""
        if not self._checks.returns.may_be_consumed:
            return
        waits = time.monotonic() < self._waits_for_older_until
        if waits and self._aside.is_returning:
            return
        waits = waits and self._copies.name in consumers and not self._checks.moves
        if waits and await self._ready(channel, self._copies.name):
            return
        if self._checks.moves:
            await self._consume_returned(channel)
            # What cannot be copied would be returned: a kill or two more, and it is dropped.
            if not await self._copies.take_messages():
                return
            await consumers.start_passing_on(self._options.queue, self._move, _MOVED_AT_ONCE)
        else:
            await consumers.start(self._options.queue, self._arrive)
        self._is_moving = self._checks.moves

    async def _stop_consuming(self, consumers: Consumers) -> None:
        """Receive nothing more from the queue itself; what has arrived is still moved."""
        await consumers.stop(self._options.queue)
        await self._background.finish(within=self._timing.closes_within)

    def _copy_held(self) -> None:
        """Copy the messages in hand to the queue of safe copies."""
        for message in self._known.values():
            delivered = message.delivered
            if not is_renewal(delivered) and not returns_of(delivered):
                for tag in message.tags:
                    self._background.start(self._copies.replace(delivered, tag))

    def _consumes_copies(self) -> bool:
        return self._consumers is not None and self._copies.name in self._consumers

    async def _rescue(self, delivered: DeliveredMessage) -> None:
        """Copy a message that a test received, and look for the copy at once."""
        self._finds_returned_at = 0.0
        await self._copies.rescue(delivered)

    async def _consume_returned(self, channel: AbstractChannel) -> None:
        """Consume the returned messages; their queue is created where necessary."""
        async with self._opening_returned:
            consumers = self._consumers
            if consumers is None or self._consumes_copies() or channel is not self._channel:
                return
            await self._copies.create()
            await consumers.start(self._copies.name, self._arrive)

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
        self._acknowledgements.forget_channels()
        for message in self._buffer:
            self._known.pop(message.key, None)
        self._buffer.clear()

    def _cancel(self, _: object) -> None:
        """Record that this channel receives no more messages: the queue was deleted."""
        self._is_cancelled = True
        self._news.set()

    def _report_absence(self) -> None:
        self._looks_at = time.monotonic() + self._timing.checks_every
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
        self._arrived_at = time.monotonic()
        self._has_logged_silence = False
        self._acknowledgements.expect(delivered.channel, tag)
        if is_test(delivered):
            await self._return_test(delivered, tag)
            return
        key, view_id, text = read_message(delivered)
        self._room.arrived(len(delivered.body))
        if message := self._known.get(key):
            self._deferred.arrived_again(message, delivered, tag)
            if self._is_full:
                self._news.set()
        elif self._acknowledgements.is_settled(key, delivered):
            await self._acknowledgements.acknowledge_again(key, delivered.channel, tag)
            return
        elif not is_moved:
            self._arrived += 1
            message = HeldMessage(
                key,
                self._arrived,
                view_id,
                delivered.channel,
                consumer_of(delivered),
                [tag],
                (text, delivered),
            )
            self._known[key] = message
            self._buffer.append(message)
            self._news.set()
        is_unsafe = self._checks.returns is Returns.DROPPED and not is_renewal(delivered)
        if is_moved or is_unsafe or returns_of(delivered):
            self._background.start(self._copies.replace(delivered, tag))

    async def _return_test(self, delivered: DeliveredMessage, tag: int) -> None:
        """Return a test message again and again: if it survives, the queue keeps what returns."""
        channel = delivered.channel
        is_copys = delivered.routing_key == self._copies.name  # it says nothing about the queue
        if is_copys or (delivered.redelivered and not returns_of(delivered)):
            await self._acknowledgements.acknowledge(channel, [tag])  # no queue that counts
        elif not proves_kept(delivered):
            self._acknowledgements.give_back(channel, tag)
            with self._connection.explained():
                await channel.basic_reject(tag, requeue=True)  # counts, unlike basic.nack
        else:
            await self._acknowledgements.acknowledge(channel, [tag])
            if self._checks.returns is not Returns.KEPT:
                self._checks.returns = Returns.KEPT
                self._background.start(self._checks.show_tested())
                self._news.set()

    async def _let_arrive(self, channel: AbstractChannel, queue: str | None = None) -> None:
        """Wait for messages that are on their way: a caller that gets none may stop."""
        moves = queue is None and self._is_moving
        queues = [queue or self._options.queue, *([self._copies.name] if moves else [])]
        patience = self._timing.arrives_within
        while not self._is_full:
            self._news.clear()  # before the questions: with the answers all may have arrived
            ready = sum([await self._ready(channel, name) for name in queues])
            if self._consumers:
                await self._consumers.pass_on()
            if not ready and not (moves and self._background):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
            if not self._news.is_set():  # another bridge has it
                if ready:
                    self._suspect_silence()
                return
            if not moves:
                patience = self._timing.follows_within

    def _suspect_silence(self) -> None:
        """Consume anew if messages wait, but none has come for long, though none is in hand.

        After a quorum queue was deleted and created again at once, the broker counts the consumer
        of the former one as the new one's, and sends it nothing.
        """
        is_silent = time.monotonic() - self._arrived_at > self._timing.silent_for
        is_consumed = self._consumers is not None and self._options.queue in self._consumers
        if not is_silent or not is_consumed or self._known or self._background:
            return
        if not self._has_logged_silence:
            self._has_logged_silence = True
            log.warning(
                "The queue '%s' at %s has messages, but the broker sends none, as after the queue "
                "was deleted and created again. Opening a new consumer.",
                self._options.queue,
                self._options,
            )
        self._is_cancelled = True
        self._news.set()

    def _return_postponed(self) -> None:
        now = time.monotonic()
        due: list[HeldMessage] = []
        while self._postponed and self._postponed[0][0] <= now:
            due.append(heapq.heappop(self._postponed)[-1])
        if due:
            self._buffer = deque(sorted([*self._buffer, *due], key=lambda message: message.number))

    async def _set_aside(self, messages: Sequence[HeldMessage]) -> None:
        """Move messages that must wait out of the way, so that those behind them arrive.

        They come back at the end of the queue: events about one thing may change their order. What
        cannot be moved stays in the buffer.
        """
        moved = await self._aside.make_way(messages) if messages else set()
        self._buffer = deque(message for message in self._buffer if message not in moved)
        await self._settle(moved)

    # From a claim's end to the broker

    def _claimed(self, claims: Sequence[Claim]) -> list[HeldMessage]:
        """Return the messages of claims that are not settled yet."""
        messages = [self._known.get(_key(claim)) for claim in claims]
        return [message for message in messages if message and message.is_claimed]

    async def _settle(self, messages: Collection[HeldMessage]) -> None:
        """Acknowledge messages, at once or, if their channel is closed, when redelivered."""
        self._deferred.discard(messages)
        for message in messages:
            self._known.pop(message.key, None)
        await self._acknowledgements.settle(messages, self._channel)


def _time(text: bytes) -> float | None:
    try:
        return read_capture(text).time
    except InvalidCaptureError:
        return None


def _key(claim: Claim) -> str:
    return cast("str", claim.handle)
