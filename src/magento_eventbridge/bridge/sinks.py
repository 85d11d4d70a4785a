"""The sinks of a bridge, chosen by destination."""

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Verdict, judge
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
from magento_eventbridge.sinks.dry_run import DryRunSink
from magento_eventbridge.sinks.eventbridge.buses import EventBuses
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink


class Sinks:
    """The sinks of a bridge: both kinds of event buses, and the dry run."""

    def __init__(self, settings: Settings, buses: EventBuses | None = None) -> None:
        self.credentials = CredentialsFinder()
        self.buses = buses or EventBuses(self.credentials)
        self._owns_buses = buses is None
        self._eventbridge = EventBridgeSink(
            self.credentials,
            self.buses,
            max_bytes=settings.delivery.max_entry_bytes,
            answer_seconds=settings.delivery.answer_seconds,
        )
        self._custom_bus = CustomBusSink(
            self.credentials,
            max_bytes=settings.delivery.max_entry_bytes,
            answer_seconds=settings.delivery.answer_seconds,
        )
        self._dry_run = DryRunSink(self._eventbridge.limits)

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
        """Close connections."""
        if self._owns_buses:
            await self.buses.close()
        await self._eventbridge.close()
        await self._custom_bus.close()
