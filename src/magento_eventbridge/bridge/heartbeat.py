"""Write the bridge's heartbeat to the store's database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.bridge.background import background_task
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.ledger.recorder import Ledger
from magento_eventbridge.queues.mysql.heartbeat import Heartbeat
from magento_eventbridge.queues.mysql.outbox import OutboxQueue


@asynccontextmanager
async def heartbeat(
    routes: Routes, queue: OutboxQueue, dispatcher: Dispatcher, ledger: Ledger | None
) -> AsyncIterator[Heartbeat]:
    """Write the heartbeat to the store while the context lasts."""
    finder = CredentialsFinder()

    async def check() -> str:
        results = set()
        for destination in routes.destinations:
            if destination.dry_run:
                results.add("none needed for a dry run")
                continue
            try:
                results.add(str(await finder.summary(destination.credentials, destination.region)))
            except CredentialsError as error:
                results.add(str(error))
        return "; ".join(sorted(results))

    def number() -> int | None:
        return ledger.number if ledger else 0

    heartbeat_writer = Heartbeat(queue, dispatcher, check, number)
    async with background_task(heartbeat_writer.beat(), "heartbeat"):
        yield heartbeat_writer
