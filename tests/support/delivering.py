"""A dispatcher over a queue, with the real sink and an endpoint on the loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[Dispatcher]:
    """Run a dispatcher while the context lasts."""
    run = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop()
        await run


@asynccontextmanager
async def delivering(queue: Queue, url: str) -> AsyncIterator[Dispatcher]:
    """Deliver a queue's captures while the context lasts."""
    destination = Destination(region="eu-west-1", endpoint_url=url, credentials=KEYS)
    route = Route(destination=destination, source="shop.example.com")
    sink = EventBridgeSink(CredentialsFinder(), answer_seconds=2)
    policy = Policy(backoff=Backoff(first=0.05, longest=0.2), stop_seconds=5)
    try:
        async with running(
            Dispatcher(queue, lambda _: route, lambda _: sink, policy)
        ) as dispatcher:
            yield dispatcher
    finally:
        await sink.close()
