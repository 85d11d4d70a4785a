"""A store as a publisher on RabbitMQ."""

import asyncio
import json
from collections.abc import Iterable

import aiormq
from aiormq import spec

_UNCONFIRMED = 1000


async def publish(url: str, queue: str, captures: Iterable[bytes]) -> None:
    """Publish captures as the agent does, to a queue as Magento creates it."""
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.queue_declare(queue, durable=True)
    properties = spec.Basic.Properties(delivery_mode=2)
    pending: set[asyncio.Task[object]] = set()
    for text in captures:
        body = json.dumps(text.decode()).encode()
        sending = channel.basic_publish(body, routing_key=queue, properties=properties)
        pending.add(asyncio.ensure_future(sending))
        if len(pending) == _UNCONFIRMED:
            await asyncio.gather(*pending)
            pending.clear()
    await asyncio.gather(*pending)
    await connection.close()
