"""Delivery in a test: the real dispatcher, from a queue to a sink, until the queue is empty."""

import asyncio

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher, Router
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Queue, Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.status import Totals

_QUICK = Policy(backoff=Backoff(first=0.01, longest=0.05), poll_seconds=0.01)
_ROUTE = Route(destination=Destination(region="eu-west-1"), source="shop.example.com")


async def deliver(
    queue: Queue, sink: Sink, *, routes: Router | None = None, seconds: float = 10.0
) -> Totals:
    """Deliver all that a queue holds, with short delays between tries; return the totals.

    Args:
        queue: where the captures are.
        sink: where all entries go, whatever their destination.
        routes: the route of a store view; without it, all are sent as `shop.example.com`.
        seconds: how long it may take.

    Raises:
        TimeoutError: something still waits, for example after answers that ask a person to act.
    """
    dispatcher = Dispatcher(queue, routes or (lambda _: _ROUTE), lambda _: sink, _QUICK)
    async with asyncio.timeout(seconds):
        await dispatcher.run(until_empty=True)
    return dispatcher.totals
