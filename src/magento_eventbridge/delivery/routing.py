"""Where the events of a store view are sent, and under which names: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from magento_eventbridge.catalog import DOCUMENTED
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.catalog.event import DetailLevel, EventDefinition
from magento_eventbridge.delivery.privacy import Privacy

CredentialsType = Literal["keys", "env", "ec2", "default"]


NO_PRIVACY = Privacy()


@dataclass(frozen=True)
class CredentialsSource:
    """Which AWS credentials to use: how to find them, and whether to assume a role with them.

    `keys` are the two given here; `env` are AWS_ACCESS_KEY_ID and its fellows; `ec2` is the role
    of the instance; `default` is the whole chain that AWS's SDKs go through.
    """

    type: CredentialsType = "default"
    access_key: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Destination:
    """One bus, reached with one set of credentials: entries of one call share it."""

    region: str
    event_bus: str | None = None  # None: the account's default bus
    endpoint_url: str | None = None  # None: AWS's own for the region
    credentials: CredentialsSource = CredentialsSource()
    dry_run: bool = False
    endpoint_id: str | None = None  # of a global endpoint, whose primary region `region` is

    def __hash__(self) -> int:
        """Return the hash by which the sender of each event is found."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(
            (self.region, self.event_bus, self.endpoint_url, self.endpoint_id, self.credentials)
        )

    @property
    def is_custom_bus(self) -> bool:
        """Whether the bus is a Custom Event Bus (API `eventbridgev2`): its ARN says so."""
        return self.event_bus is not None and ":event-busv2/" in self.event_bus

    def __str__(self) -> str:
        where = f"bus '{self.event_bus or 'default'}' in {self.region}"
        if self.endpoint_id:
            where += f" by global endpoint {self.endpoint_id}"
        if self.endpoint_url:
            where += f" at {self.endpoint_url}"
        return f"{where} (dry run)" if self.dry_run else where


@dataclass(frozen=True)
class Route:
    """The settings of a store view's events.

    Attributes:
        destination: where they go.
        source: the `Source` of its entries.
        tracking: whether a detail has `tracking`.
        switched_off: config paths of the events that are not sent.
        detail_types: other names for detail-types, by their documented name.
        resources: the ARNs in every entry's `Resources`.
        detail: how much a detail says.
        catalog: the events of the shop.
        privacy: which fields are removed or hashed.
    """

    destination: Destination
    source: str
    tracking: bool = True
    switched_off: frozenset[str] = frozenset()
    detail_types: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    detail: DetailLevel = "documented"
    catalog: ShopCatalog = DOCUMENTED
    privacy: Privacy = NO_PRIVACY

    def is_on(self, event: EventDefinition) -> bool:
        """Return whether an event is sent; several can have one switch."""
        return event.config_path not in self.switched_off

    def detail_type(self, documented: str) -> str:
        """Return the name under which an event is sent, by its documented one."""
        return self.detail_types.get(documented, documented)

    def shown_capture(self, text: str) -> str:
        """Return a capture's JSON text without the private fields, for those who only read it."""
        return self.privacy.of_capture(text, self.catalog.fields) if self.privacy else text

    def dead_letter(self, body: bytes, event: str | None, detail: str | None) -> bytes | None:
        """Return a capture as its dead letter keeps it; None: as it came.

        Args:
            event: the documented or declared name of its event.
            detail: the finished detail; None: it could not be translated.
        """
        if not self.privacy:
            return None
        return self.privacy.dead_letter(body, event, detail, self.catalog.fields)
