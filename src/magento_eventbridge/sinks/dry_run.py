"""The dry-run sink: does everything but the call, and writes down what it would have sent."""

import json
import logging
from collections.abc import Sequence

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, EntryResult, ResultCodes
from magento_eventbridge.observability.print_r import print_r

log = logging.getLogger(__name__)

# What the original module writes in place of an id.
_EVENT_ID = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


class DryRunSink:
    """Takes every entry and sends none; needs no credentials."""

    codes = ResultCodes()

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Log entries in the original module's words, and report them as accepted."""
        del destination
        for entry in entries:
            name, detail = entry.detail_type, json.loads(entry.detail)
            about = {"event_id": detail["metadata"]["id"]}
            log.debug(
                "[DryRun] Sending event '%s' with data: %s",
                name,
                print_r(detail),
                extra=about | {"is_block": True},
            )
            log.debug("[DryRun] Event '%s' sent with id '%s'", name, _EVENT_ID, extra=about)
        return Answer(status=200, results=tuple(EntryResult(_EVENT_ID) for _ in entries))

    async def close(self) -> None:
        """Nothing is open."""
