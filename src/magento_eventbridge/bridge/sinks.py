"""The sinks of a bridge, chosen by destination, created and imported when first used."""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.claim_check import ClaimCheck
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Verdict, judge
from magento_eventbridge.settings.model import Settings

if TYPE_CHECKING:
    from magento_eventbridge.sinks.claim_check.objects import Objects
    from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
    from magento_eventbridge.sinks.dry_run import DryRunSink
    from magento_eventbridge.sinks.eventbridge.buses import EventBuses
    from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink


class Sinks:
    """The sinks of a bridge: both kinds of event buses, and the dry run."""

    def __init__(
        self,
        settings: Settings,
        buses: "EventBuses | None" = None,
        credentials: CredentialsFinder | None = None,
    ) -> None:
        self.credentials = credentials or CredentialsFinder()
        self._settings = settings
        self._shared_buses = buses

    @cached_property
    def buses(self) -> "EventBuses":
        """What is known of the buses."""
        from magento_eventbridge.sinks.eventbridge.buses import EventBuses

        return self._shared_buses or EventBuses(self.credentials)

    @cached_property
    def _eventbridge(self) -> "EventBridgeSink":
        from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink

        return EventBridgeSink(
            self.credentials,
            self.buses,
            max_bytes=self._settings.delivery.max_entry_bytes,
            answer_seconds=self._settings.delivery.answer_seconds,
        )

    @cached_property
    def _custom_bus(self) -> "CustomBusSink":
        from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink

        return CustomBusSink(
            self.credentials,
            max_bytes=self._settings.delivery.max_entry_bytes,
            answer_seconds=self._settings.delivery.answer_seconds,
        )

    @cached_property
    def _dry_run(self) -> "DryRunSink":
        from magento_eventbridge.sinks.dry_run import DryRunSink

        return DryRunSink(replace(self._eventbridge.limits, claim_check=self.claim_check))

    @property
    def claim_check(self) -> ClaimCheck | None:
        """Where the arrays of large events are stored; None: such events are dead letters."""
        about = self._settings.claim_check
        return ClaimCheck(about.bucket, about.prefix, about.region) if about.bucket else None

    @cached_property
    def objects(self) -> "Objects":
        """Where the arrays of large events are stored, if the settings name a bucket."""
        from magento_eventbridge.sinks.claim_check.objects import Bucket, Objects

        about = self._settings.claim_check
        bucket = Bucket(about.bucket or "", about.region, about.kms_key, about.endpoint_url)
        return Objects(bucket, self.credentials)

    @cached_property
    def _checked(self) -> dict[bool, Sink]:
        """The sinks behind a claim check, by whether they serve Custom Event Buses."""
        return {}

    def of(self, destination: Destination) -> Sink:
        """Return the sink that serves a destination."""
        if destination.dry_run:
            return self._dry_run
        is_custom = destination.is_custom_bus
        sink: Sink = self._custom_bus if is_custom else self._eventbridge
        claim_check = self.claim_check
        if claim_check is None:
            return sink
        if is_custom not in self._checked:
            from magento_eventbridge.sinks.claim_check.sink import ClaimCheckSink

            self._checked[is_custom] = ClaimCheckSink(sink, claim_check, self.objects)
        return self._checked[is_custom]

    async def try_out(self, route: Route, entry: Entry) -> Verdict:
        """Send one entry, and return the verdict."""
        sink = self.of(route.destination)
        return judge(1, await sink.put(route.destination, [entry]), sink.codes)[0]

    async def close(self) -> None:
        """Close the connections of what has been used."""
        used = vars(self)
        if "buses" in used and self._shared_buses is None:
            await self.buses.close()
        if "_eventbridge" in used:
            await self._eventbridge.close()
        if "_custom_bus" in used:
            await self._custom_bus.close()
