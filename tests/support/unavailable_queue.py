"""A queue whose database is unavailable."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, cast

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.bridge.deliveries import Delivery
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Queue, QueueError
from magento_eventbridge.testing import RecordingSink


class UnavailableQueue:
    """Fails at whatever the console asks of it."""

    name = "outbox"

    async def depth(self) -> None:
        raise QueueError("the database is away")

    @property
    def dead_letters(self) -> "UnavailableQueue":
        return self

    async def page(self, *_: Any, **__: Any) -> None:
        raise QueueError("the database is away")


def add_unavailable_queue(bridge: Bridge) -> None:
    """Let a bridge deliver from a queue that is unavailable."""
    queue = cast("Queue", UnavailableQueue())
    has_ended = asyncio.get_running_loop().create_future()
    has_ended.set_result(None)
    settings = bridge.settings
    dispatcher = Dispatcher(
        queue, Routes(settings), lambda _: RecordingSink(), settings.delivery.policy()
    )
    bridge.deliveries.present.append(Delivery(queue, dispatcher, has_ended, AsyncExitStack()))
