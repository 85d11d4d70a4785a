"""The consumers of one channel: how many messages the broker may send, and what receives them."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.queues.amqp.connection import AmqpConnection
from magento_eventbridge.queues.amqp.room import Room

Receive = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]

# In the whole process: messages of former channels are still held.
_numbers = itertools.count(1)


@dataclass
class _Intake:
    """The consumer of one queue.

    Attributes:
        receive: gets the messages.
        tag: of the consumer.
        prefetch: how many messages it may hold.
        is_counted: whether what it receives is held, as there is room, not passed on at once.
    """

    receive: Receive
    tag: str
    prefetch: int
    is_counted: bool


def is_mostly(part: int, whole: int) -> bool:
    """Whether a part is at least three quarters of the whole."""
    return 4 * part >= 3 * whole


class Consumers:
    """The consumers of a channel, by their queues.

    A consumer's prefetch counts messages, not bytes, and never changes. So a consumer is replaced
    when there is room for more messages, or for fewer, and the broker still waits for the messages
    of the former one.
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
        return max((each.prefetch for each in self._counted), default=0)

    @property
    def tags(self) -> list[str]:
        """The consumers whose messages are held."""
        return [each.tag for each in self._counted]

    @property
    def _counted(self) -> list[_Intake]:
        return [each for each in self._intakes.values() if each.is_counted]

    async def start(self, queue: str, receive: Receive) -> None:
        """Consume a queue as there is room."""
        prefetch = self._room.size
        tag = await self._add(queue, receive, prefetch)
        self._intakes[queue] = _Intake(receive, tag, prefetch, is_counted=True)

    async def start_passing_on(self, queue: str, receive: Receive, at_once: int) -> None:
        """Consume a queue whose messages are passed on, so many at once."""
        prefetch = min(at_once, self._most)
        tag = await self._add(queue, receive, prefetch)
        self._intakes[queue] = _Intake(receive, tag, prefetch, is_counted=False)

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
            if not intake.is_counted or wanted == was or (wanted < was < self._room.size):
                continue
            await self._replace(queue, intake, wanted)
            has_grown |= wanted > was
        return has_grown

    async def use_what_is_left(self, held: int) -> None:
        """Let further messages come when those in hand, `held` of them, wait for long."""
        left = self._room.size - held
        for queue, intake in list(self._intakes.items()):
            if intake.is_counted and left > 0:
                await self._replace(queue, intake, left)

    async def make_room_beside(self, deferred_of: Callable[[str], int]) -> None:
        """Replace the consumers that deferred messages leave little room.

        Args:
            deferred_of: returns how many messages of a consumer are deferred, by its tag.
        """
        for queue, intake in list(self._intakes.items()):
            if intake.is_counted and is_mostly(deferred_of(intake.tag), intake.prefetch):
                await self._replace(queue, intake, intake.prefetch)

    async def _replace(self, queue: str, intake: _Intake, prefetch: int) -> None:
        """Consume with new room, beside what the broker still waits for."""
        await self._cancel(intake.tag)
        intake.tag = await self._add(queue, intake.receive, prefetch)
        intake.prefetch = prefetch

    async def stop(self, queue: str) -> None:
        """Receive no more messages of a queue."""
        await self._cancel(self._intakes.pop(queue).tag)

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
        # A quorum queue takes messages back in the order of the tags, unless there are very many.
        tag = f"magento-eventbridge-{next(_numbers):06}"
        with self._connection.explained():
            async with self._adding:
                await self._channel.basic_qos(prefetch_count=prefetch)
                await self._channel.basic_consume(queue, receive, consumer_tag=tag)
        return tag

    async def _cancel(self, tag: str) -> None:
        with self._connection.explained():
            await self._channel.basic_cancel(tag)
