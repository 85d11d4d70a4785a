"""Magento's topic on a real RabbitMQ, and Magento as a publisher."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiormq
import pytest
from aiormq import spec
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity

from magento_eventbridge.captures import Capture
from magento_eventbridge.queues.amqp.connection import AmqpOptions
from tests.support.rabbitmq import Broker

EXCHANGE = "magento"


@dataclass(frozen=True)
class MagentoBroker:
    """The queue of one test, under a unique name."""

    broker: Broker
    options: AmqpOptions = field(repr=False)

    async def declare(self, arguments: Mapping[str, str | int] | None = None) -> None:
        """Create exchange, queue and binding, as `setup:upgrade` does."""
        queue = self.options.queue
        async with self.channel() as channel:
            await channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
            await channel.queue_declare(queue, durable=True, arguments=dict(arguments or {}))
            await channel.queue_bind(queue, EXCHANGE, queue)

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Publish captures as the agent does, as texts of the topic's type `string`."""
        await self.publish([json.dumps(body.decode()) for _, body in captures])

    async def publish(
        self, bodies: Sequence[str | bytes], channel: AbstractChannel | None = None
    ) -> None:
        """Publish messages as Magento does, and wait for the broker's confirmation."""
        if channel is None:
            async with self.channel() as own:
                await self.publish(bodies, own)
            return
        for body in bodies:
            await channel.basic_publish(
                body.encode() if isinstance(body, str) else body,
                exchange=EXCHANGE,
                routing_key=self.options.queue,
                properties=spec.Basic.Properties(delivery_mode=2, message_id=secrets.token_hex(16)),
                mandatory=True,
            )

    async def count(self, suffix: str = "") -> int:
        """Count the ready messages of the queue, or of one of our own queues."""
        async with self.channel() as channel:
            try:
                declared = await channel.queue_declare(
                    f"{self.options.queue}{suffix}", passive=True
                )
            except ChannelNotFoundEntity:
                return 0
            return declared.message_count or 0

    async def delete(self) -> None:
        """Delete all queues."""
        async with self.channel() as channel:
            for suffix in ("", ".set-aside", ".returned", ".test", ".tested", ".dead-letters"):
                await channel.queue_delete(f"{self.options.queue}{suffix}")
            await channel.exchange_delete(f"{self.options.queue}.dead-letters")

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Open a channel on a new connection."""
        connection = await aiormq.connect(self.broker.url)
        try:
            yield await connection.channel(on_return_raises=True)
        finally:
            await connection.close()


@pytest.fixture
def magento_broker(rabbitmq: Broker) -> Iterator[MagentoBroker]:
    """A fresh queue bound to Magento's exchange."""
    options = AmqpOptions(
        host=rabbitmq.host,
        port=rabbitmq.port,
        user=rabbitmq.user,
        password=rabbitmq.password,
        virtual_host=rabbitmq.virtual_host,
        queue=f"aws.eventbridge.events.send.{secrets.token_hex(4)}",
    )
    made = MagentoBroker(rabbitmq, options)
    _run(made.declare())
    yield made
    _run(made.delete())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a new event loop in a thread: the test's own may already be running."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()
