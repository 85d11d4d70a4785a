"""The consumers of one channel: how many messages the broker may send, and what receives them."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.room import Room

Receive = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]

# Consumers of a queue beside the usual one, while many messages are deferred.
_MOST_MORE = 9


@dataclass
class _Intake:
    """The consumers of one queue.

    Attributes:
        receive: gets the messages.
        tag: of the consumer.
        prefetch: how many messages it may hold.
        is_fixed: whether this stays as it is.
        is_counted: whether what it receives is held, not passed on at once.
        more: the tags of further consumers.
    """

    receive: Receive
    tag: str
    prefetch: int
    is_fixed: bool
    is_counted: bool
    more: list[str] = field(default_factory=list)


class Consumers:
    """The consumers of a channel, by their queues.

    A consumer's prefetch counts messages, not bytes, and never changes. So a consumer is replaced
    when there is room for more messages, or for fewer. Not so in a quorum queue: it takes messages
    of several consumers back one consumer after the other, not in their order.
    """

    def __init__(
        self, connection: AmqpConnection, channel: AbstractChannel, most: int, room: Room
    ) -> None:
        """Prepare; `most` is how many messages of a queue may be held at once."""
        self._connection = connection
        self._channel = channel
        self._most = most
        self._room = room
        self._intakes: dict[str, _Intake] = {}
        self._adding = asyncio.Lock()

    def __contains__(self, queue: str) -> bool:
        return queue in self._intakes

    @property
    def prefetch(self) -> int:
        """How many messages may be held: those of the queue that may send most."""
        rooms = (
            each.prefetch + self._most * len(each.more)
            for each in self._intakes.values()
            if each.is_counted
        )
        return max(rooms, default=0)

    async def start(self, queue: str, receive: Receive, *, follows_room: bool) -> None:
        """Consume a queue, either as there is room, or always with all the room."""
        prefetch = self._room.size if follows_room else self._most
        tag = await self._add(queue, receive, prefetch)
        is_fixed = not follows_room
        self._intakes[queue] = _Intake(receive, tag, prefetch, is_fixed, is_counted=True)

    async def start_passing_on(self, queue: str, receive: Receive, at_once: int) -> None:
        """Consume a queue whose messages are passed on, so many at once."""
        prefetch = min(at_once, self._most)
        tag = await self._add(queue, receive, prefetch)
        self._intakes[queue] = _Intake(receive, tag, prefetch, is_fixed=True, is_counted=False)

    async def follow(self, held: int) -> bool:
        """Let consumers use the room that there is now; return whether one may hold more.

        Args:
            held: how many messages are held: with them there may not be more than allowed.
        """
        has_grown = False
        for queue, intake in list(self._intakes.items()):
            was, wanted = intake.prefetch, self._room.size
            if wanted > was:
                wanted = min(wanted, self._most - held)
            if intake.is_fixed or wanted == was or (wanted < was < self._room.size):
                continue
            await self._cancel(intake.tag)
            intake.tag = await self._add(queue, intake.receive, wanted)
            intake.prefetch = wanted
            has_grown |= wanted > was
        return has_grown

    async def add(self, queue: str, deferred: int) -> None:
        """Add consumers while so many messages are deferred and fill most of the room.

        Not while messages are large: deferred ones are held as well.
        """
        intake = self._intakes.get(queue)
        while (
            intake
            and len(intake.more) < _MOST_MORE
            and deferred > (len(intake.more) + 0.5) * self._most
            and self._room.are_small
        ):
            intake.more.append(await self._add(queue, intake.receive, self._most))

    async def stop(self, queue: str) -> None:
        """Receive no more messages of a queue."""
        intake = self._intakes.pop(queue)
        for tag in (intake.tag, *intake.more):
            await self._cancel(tag)

    async def pass_on(self) -> None:
        """Return when what the broker had sent before its last answer has arrived.

        An answer may overtake messages that were sent before it, but not the answer to the next
        question.
        """
        async with self._adding:
            with self._connection.explained():
                await self._channel.basic_qos(prefetch_count=self._most)

    async def _add(self, queue: str, receive: Receive, prefetch: int) -> str:
        # The prefetch is that of the next consumer.
        with self._connection.explained():
            async with self._adding:
                await self._channel.basic_qos(prefetch_count=prefetch)
                consumer = await self._channel.basic_consume(queue, receive)
        return consumer.consumer_tag or ""

    async def _cancel(self, tag: str) -> None:
        with self._connection.explained():
            await self._channel.basic_cancel(tag)
