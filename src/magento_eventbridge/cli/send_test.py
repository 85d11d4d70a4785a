"""`send-test`: send one sample event to the bus, and print AWS's answer."""

import asyncio
import time
from typing import Annotated

import typer
import uuid_utils

from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.cli.options import (
    Config,
    MagentoRoot,
    Overrides,
    no_such_event,
    settings_of,
    view_of,
)
from magento_eventbridge.cli.output import AsJson, note, out, show_json
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.envelope import Entry, sample_entry
from magento_eventbridge.delivery.verdicts import Fate, Verdict
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.eventbridge.buses import BusCheck, BusState

NAME = "send-test"
EXAMPLE = "magento-eventbridge send-test OrderPlaced"

DetailType = Annotated[
    str, typer.Argument(metavar="[DETAIL_TYPE]", help="The event whose sample is sent.")
]
Store = Annotated[
    int, typer.Option("--store", min=0, help="The store view whose settings are used.")
]


def run(
    detail_type: DetailType = "OrderPlaced",
    store: Store = 0,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Send an event's sample to the bus, marked by `"test": true` in its metadata."""
    settings, _ = settings_of(config, overrides, magento_root)
    known = CurrentCatalog(settings).catalog.by_name
    if detail_type not in known:
        raise no_such_event(detail_type, known)
    event = known[detail_type]
    view_of(settings, store)
    start_log(settings)
    record_action("sent a test event, %s of store view %d", detail_type, store)
    verdict, entry, bus = asyncio.run(_send(settings, event, store))
    is_delivered = verdict.fate is Fate.DELIVERED
    is_dry_run = settings.view(store).route().destination.dry_run
    if as_json:
        show_json(
            {
                "delivered": is_delivered and not is_dry_run,
                "eventId": verdict.event_id,
                "reason": verdict.reason,
                "source": entry.source,
                "detailType": entry.detail_type,
                "bus": bus.state.value if bus else None,
                "dryRun": is_dry_run,
            }
        )
    elif is_delivered and is_dry_run:
        out.print(
            f"{entry.detail_type} of {entry.source} written to the log, not sent: dry run "
            "(options.dry_run_mode)"
        )
    elif is_delivered:
        out.print(f"{entry.detail_type} of {entry.source} delivered, id {verdict.event_id}")
    else:
        out.print(f"{entry.detail_type} of {entry.source} NOT delivered: {verdict.reason}")
    if is_delivered and bus and bus.state is BusState.UNKNOWN:
        note(
            "it is not known whether the bus exists, and EventBridge may answer like this if it "
            f"does not: {bus.reason}"
        )
    if not is_delivered:
        raise typer.Exit(1)


async def _send(
    settings: Settings, event: EventDefinition, store: int
) -> tuple[Verdict, Entry, BusCheck | None]:
    route = settings.view(store).route()
    entry = sample_entry(event, route, str(uuid_utils.uuid7()), time.time())
    sinks = Sinks(settings)
    try:
        verdict = await sinks.try_out(route, entry)
        if route.destination.dry_run:
            return verdict, entry, None  # nothing was asked
        return verdict, entry, await sinks.buses.known(route.destination)
    finally:
        await sinks.close()
