"""What AWS says about a global endpoint: its state, its two buses, its replication."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import region_of
from magento_eventbridge.aws.clients import Clients

ACTION = "events:ListEndpoints"

_ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class GlobalEndpoint:
    """A global endpoint.

    Attributes:
        reason: why it is in this state; may be empty.
        buses: ARNs of the buses, one in each region.
        secondary: the region that events go to when the primary one fails.
        replicates: whether each event is copied to the bus in the other region.
    """

    name: str
    state: str
    reason: str
    buses: tuple[str, ...]
    secondary: str
    replicates: bool

    def problem(self, bus: str | None, region: str) -> str | None:
        """Return why it cannot serve a bus; None if it can.

        Args:
            bus: name or ARN; None: the default bus.
            region: the primary one.
        """
        if self.state != _ACTIVE:
            return f"its state is {self.state}" + (f" ({self.reason})" if self.reason else "")
        if bus is not None and bus.startswith("arn:"):
            serves = bus in self.buses
        else:
            serves = (bus or "default") in {arn.partition("event-bus/")[2] for arn in self.buses}
        if not serves:
            return (
                f"it serves {' and '.join(self.buses)}, not bus '{bus or 'default'}': set "
                "options.event_bus to one of these"
            )
        if region not in {region_of(arn) for arn in self.buses}:
            return f"it has no bus in options.region, {region}"
        return None

    @property
    def secondary_bus(self) -> str | None:
        """The ARN of its bus in the secondary region."""
        return next((arn for arn in self.buses if region_of(arn) == self.secondary), None)


def find(clients: Clients, endpoint_id: str) -> GlobalEndpoint | None:
    """Ask AWS for a global endpoint by its ID, in its primary region; None if there is none.

    Raises:
        CredentialsError: there are no credentials.
        AwsError: AWS refuses.
    """
    for about in _listed(clients):
        if str(about.get("EndpointId", "")).lower() == endpoint_id.lower():
            return _read(about)
    return None


def _listed(clients: Clients) -> Iterator[dict[str, Any]]:
    more: dict[str, str] = {}
    while True:
        page = clients.call("events", "list_endpoints", MaxResults=100, **more)
        yield from page.get("Endpoints", [])
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _read(about: dict[str, Any]) -> GlobalEndpoint:
    failover = about.get("RoutingConfig", {}).get("FailoverConfig", {})
    return GlobalEndpoint(
        name=str(about.get("Name", "")),
        state=str(about.get("State", "")),
        reason=str(about.get("StateReason", "")),
        buses=tuple(str(bus["EventBusArn"]) for bus in about.get("EventBuses", [])),
        secondary=str(failover.get("Secondary", {}).get("Route", "")),
        replicates=about.get("ReplicationConfig", {}).get("State", "ENABLED") == "ENABLED",
    )
