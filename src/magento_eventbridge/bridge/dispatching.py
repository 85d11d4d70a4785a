"""Create the dispatcher of a queue, with its sinks and policy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Observer
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.settings.model import Settings


@asynccontextmanager
async def dispatching(
    settings: Settings,
    queue: Queue,
    routes: Routes | None = None,
    journal: Observer | None = None,
) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher over a queue; what it opened is closed at the end."""
    sinks = Sinks(settings)
    try:
        routes = routes or Routes(settings)
        yield Dispatcher(queue, routes, sinks.of, _policy(settings, queue, routes), journal)
    finally:
        await sinks.close()


def _policy(settings: Settings, queue: Queue, routes: Routes) -> Policy:
    """Say how eager delivery from a queue is.

    A broker leaves so many messages with us and no more: what waits for destinations that are dead
    must not be all of them, or nothing comes for the others.
    """
    policy = settings.delivery.policy()
    destinations = len(routes.destinations)
    if not isinstance(queue, AmqpQueue) or destinations == 1:
        return policy
    share = max(1, queue.prefetch // (destinations + 1))
    return replace(policy, entries_per_destination=min(policy.entries_per_destination, share))
