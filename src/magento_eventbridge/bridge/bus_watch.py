"""Check the event buses of all destinations when the bridge starts, and every minute."""

import asyncio
import logging

from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.sinks.eventbridge.buses import BusCheck, BusState, EventBuses

log = logging.getLogger(__name__)


async def watch_buses(routes: Routes, buses: EventBuses) -> None:
    """Check the buses until cancelled; a sink delivers nothing to a bus that is missing."""
    reported: dict[Destination, BusCheck] = {}
    while True:
        destinations = list(routes.destinations)
        checks = await asyncio.gather(*(buses.check(each) for each in destinations))
        for destination, check in zip(destinations, checks, strict=True):
            former = reported.get(destination)
            if former is None or former.state is not check.state:
                _report(destination, check, former)
            reported[destination] = check
        await asyncio.sleep(buses.timing.interval)


def _report(destination: Destination, check: BusCheck, former: BusCheck | None) -> None:
    match check.state:
        case BusState.MISSING:
            log.error(
                "%s. Its events wait until it exists: create it, or correct options.event_bus or "
                "options.region.",
                check.reason,
            )
        case BusState.UNKNOWN:
            log.warning(
                "It is not known whether %s exists (%s). If it is missing, EventBridge may answer "
                "as if it had accepted the events: allow events:DescribeEventBus ('magento-"
                "eventbridge iam policy' prints the statement).",
                destination,
                check.reason,
            )
        case BusState.EXISTS if former is not None:
            log.info("%s exists", destination)
