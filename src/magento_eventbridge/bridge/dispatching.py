"""Create the dispatcher of a queue, with its sinks and policy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.refusal_file import RefusalFile
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Observer
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import LimitedQueue, Queue
from magento_eventbridge.settings.model import Settings

if TYPE_CHECKING:
    from magento_eventbridge.sinks.eventbridge.buses import EventBuses


@asynccontextmanager
async def dispatching(
    settings: Settings,
    queue: Queue,
    routes: Routes | None = None,
    journal: Observer | None = None,
    buses: "EventBuses | None" = None,
    credentials: CredentialsFinder | None = None,
    *,
    preload: bool = True,
) -> AsyncIterator[Dispatcher]:
    """Yield a dispatcher of a queue; what it opened is closed at the end.

    With `preload` the sinks are imported now, so that the first event does not wait for that.
    """
    sinks = Sinks(settings, buses, credentials)
    try:
        routes = routes or Routes(settings, CurrentCatalog(settings).catalog)
        if preload:
            for destination in routes.destinations:
                sinks.of(destination)
        refusals = RefusalFile(settings.spool.path.with_name(f"refusals-{queue.name}.json"))
        policy = delivery_policy(settings, queue, routes)
        yield Dispatcher(queue, routes, sinks.of, policy, journal, refusals.of)
    finally:
        await sinks.close()


def delivery_policy(settings: Settings, queue: Queue, routes: Routes) -> Policy:
    """Return the delivery options for a queue.

    A broker hands out a limited number of messages: those that wait for failing destinations, or
    for others of their subject, must not be all of them, or nothing arrives for the others.
    """
    policy = settings.delivery.policy()
    destinations = len(routes.destinations)
    if not isinstance(queue, LimitedQueue):
        return policy
    share = max(1, queue.prefetch // (destinations + 1))
    policy = replace(
        policy,
        entries_apart=min(policy.entries_apart, share // 2),
        entries_of_a_subject=min(policy.entries_of_a_subject, max(1, share // 5)),
    )
    if destinations == 1:
        return policy
    return replace(
        policy,
        claim_size=min(policy.claim_size, max(1, share // 4)),  # comes on top of the entries
        entries_per_destination=min(policy.entries_per_destination, max(1, share // 2)),
    )
