"""The sinks of a bridge, chosen by destination, created and imported when first used."""

from functools import cached_property
from typing import TYPE_CHECKING

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Verdict, judge
from magento_eventbridge.settings.model import Settings

if TYPE_CHECKING:
    from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
    from magento_eventbridge.sinks.dry_run import DryRunSink
    from magento_eventbridge.sinks.eventbridge.buses import EventBuses
    from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink


class Sinks:
    """The sinks of a bridge: both kinds of event buses, and the dry run."""

    def __init__(self, settings: Settings, buses: "EventBuses | None" = None) -> None:
        self.credentials = CredentialsFinder()
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

        return DryRunSink(self._eventbridge.limits)

    def of(self, destination: Destination) -> Sink:
        """Return the sink that serves a destination."""
        if destination.dry_run:
            return self._dry_run
        return self._custom_bus if destination.is_custom_bus else self._eventbridge

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
