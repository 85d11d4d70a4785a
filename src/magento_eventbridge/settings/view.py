"""What may differ from store view to store view: credentials, bus, source, switches."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from magento_eventbridge.catalog import BY_DETAIL_TYPE, EVENTS
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.delivery.routing import (
    CredentialsSource,
    CredentialsType,
    Destination,
    Route,
)
from magento_eventbridge.settings.fields import (
    OptionalSecret,
    OptionalText,
    OptionalWebAddress,
    SettingsGroup,
    reveal,
    split_words,
)
from magento_eventbridge.similar_names import did_you_mean

_CUSTOM_BUS_ARN = re.compile(
    r"arn:aws(-[a-z0-9]+)*:events:(?P<region>[a-z][a-z0-9]*(-[a-z0-9]+)*):[0-9]{12}:"
    r"event-busv2/[A-Za-z0-9][.\-_A-Za-z0-9]{0,255}/[a-z0-9]{25}"
)

# EventBridge API reference, PutEventsRequestEntry: EventBusName and Resources.
_BUS = re.compile(
    r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus/)?[.\-_A-Za-z0-9]{1,256}"
)
# API reference, PutEvents, EndpointId; each part is a label of the endpoint's host name.
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ENDPOINT_ID = re.compile(rf"(?=.{{1,50}}\Z){_LABEL}\.{_LABEL}")
_ENDPOINT_URL = re.compile(
    rf"(https?://)?(?P<id>{_LABEL}\.{_LABEL})\.endpoint\.events\.[a-z0-9.-]+/?", re.IGNORECASE
)
# Each region is a label of host names.
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_Resource = Annotated[str, StringConstraints(max_length=2048)]

_SCOPES = sorted({event.scope for event in EVENTS})
_OWN = "declared/"
_SHORTEST_PRIVACY_SECRET = 16
_TOGGLES = {event.config_path.removeprefix("aws_eventbridge/events_") for event in EVENTS}


def _check_text(text: str) -> None:
    """Check a text that consumers' rules compare with.

    Raises:
        ValueError: it is blank, or has characters that nobody sees.
    """
    if not text.strip() or not text.isprintable():
        raise ValueError(f"{text!r} must have visible characters, and no line end or alike")


def _known_events(name: str) -> str:
    """Return the events of the group that an unknown event names, else all groups."""
    similar = did_you_mean(name, _TOGGLES)
    scope = name.partition("/")[0]
    members = sorted(toggle for toggle in _TOGGLES if toggle.startswith(f"{scope}/"))
    if members:
        return f"{similar or ';'} '{scope}' has {', '.join(members)}"
    return f"{similar or ';'} the groups are {', '.join(_SCOPES)}"


class CredentialsSettings(SettingsGroup):
    """Which AWS credentials to use."""

    type: CredentialsType = Field(
        "default", description="where to look for them; `default` is AWS's whole chain"
    )
    access_key: OptionalSecret = Field(None, description="for type `keys`")
    secret_access_key: OptionalSecret = Field(None, description="for type `keys`")
    profile: OptionalText = Field(
        None, description="profile in the shared AWS files, for type `default`"
    )
    role_arn: OptionalText = Field(None, description="a role to assume with these credentials")
    external_id: OptionalSecret = Field(
        None, description="external ID that the role's trust policy requires"
    )


class OptionsSettings(SettingsGroup):
    """Where events go and what they look like there."""

    region: str = Field("us-east-1", min_length=1, description="AWS region")
    source: str = Field(
        "magento",
        min_length=1,
        max_length=256,
        description="the events' source; a store's default is its host name",
    )
    event_bus: OptionalText = Field(
        None,
        description="bus name or ARN; empty: the default bus; a Custom Event Bus by its ARN",
    )
    endpoint_url: OptionalWebAddress = Field(
        None, description="endpoint to use instead of AWS's own"
    )
    endpoint_id: OptionalText = Field(
        None,
        description="ID of a global endpoint, as abcde.veo: events go to the bus in its secondary "
        "region when `region`, its primary one, fails",
    )
    cloudwatch_event_fallback: bool = Field(
        False, description="use the default bus, whatever `event_bus` is"
    )
    detail: DetailLevel = Field(
        "documented",
        description="how much a detail says: `documented`, or `full`, which adds currency, "
        "customer, IDs, totals, former values",
    )
    tracking: bool = Field(
        True, description="add `tracking` to details: who caused the event, and from where"
    )
    queue_mode: bool = Field(
        False, description="the store sends captures through Magento's message queue"
    )
    debug_mode: bool = Field(False, description="log each step of each event")
    dry_run_mode: bool = Field(False, description="do everything except the call to AWS")
    resources: Annotated[tuple[_Resource, ...], BeforeValidator(split_words)] = Field(
        (), description="ARNs for `resources` of every event"
    )

    @field_validator("region")
    @classmethod
    def _is_region(cls, region: str) -> str:
        region = region.strip()  # Magento keeps a space that somebody pasted
        if not _REGION.fullmatch(region):
            raise ValueError("must be the name of an AWS region, as eu-west-1")
        return region

    @field_validator("event_bus")
    @classmethod
    def _without_blanks(cls, bus: str | None) -> str | None:
        return bus and (bus.strip() or None)

    @field_validator("source")
    @classmethod
    def _is_source(cls, source: str) -> str:
        _check_text(source)
        if source.startswith("aws."):
            raise ValueError("may not begin with 'aws.': that is reserved for AWS")
        return source

    @model_validator(mode="after")
    def _is_event_bus(self) -> Self:
        """Check name or ARN. Source: API references of both kinds of buses, PutEvents."""
        bus = self.event_bus
        if bus is None or self.cloudwatch_event_fallback:
            return self
        if "event-busv2" not in bus:
            if not _BUS.fullmatch(bus):
                raise ValueError(
                    f"event_bus '{bus}' is no name of an event bus (letters, digits, '.', '-' and "
                    "'_', at most 256) and no ARN of one; a partner's bus, which has '/' in its "
                    "name, accepts events from its partner only"
                )
            return self
        arn = _CUSTOM_BUS_ARN.fullmatch(bus)
        if not arn:
            raise ValueError(
                f"event_bus '{bus}' must be the whole ARN of a Custom Event Bus, as "
                "arn:aws:events:REGION:ACCOUNT:event-busv2/NAME/ID with the ID of 25 characters "
                "that AWS gave it"
            )
        if arn["region"] != self.region:
            raise ValueError(
                f"event_bus '{bus}' is in {arn['region']} and region is '{self.region}': "
                "they must be the same"
            )
        if self.endpoint_id is not None:
            raise ValueError(
                f"event_bus '{bus}' is a Custom Event Bus, which has no global endpoints: remove "
                "endpoint_id"
            )
        if len(self.resources) > 100:
            raise ValueError("resources: a Custom Event Bus takes at most 100 for each event")
        return self

    @field_validator("endpoint_id")
    @classmethod
    def _is_endpoint_id(cls, name: str | None) -> str | None:
        if name is None or _ENDPOINT_ID.fullmatch(name):
            return name
        url = _ENDPOINT_URL.fullmatch(name)
        advice = f"; in this URL it is {url['id']}" if url else ""
        raise ValueError(
            f"'{name}' is no ID of a global endpoint, as abcde.veo: the first two parts of the "
            f"host in its URL, not its name, ARN or URL{advice}"
        )


_FIELD_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class PrivacySettings(SettingsGroup):
    """Which fields of details are removed or hashed before an event leaves."""

    remove: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="paths of fields to remove, such as `billingAddress.street`"
    )
    hash: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="paths of fields whose values become HMAC-SHA256 digests"
    )
    secret: OptionalSecret = Field(None, description="key of the digests; required for `hash`")

    @field_validator("remove", "hash")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if not _FIELD_PATH.fullmatch(path):
                raise ValueError(f"'{path}' is not the path of a field, as billingAddress.street")
            if path.partition(".")[0] == "metadata":
                raise ValueError(f"'{path}': consumers need metadata; it has no personal data")
        return paths

    @model_validator(mode="after")
    def _has_secret(self) -> Self:
        if self.hash and len(reveal(self.secret) or "") < _SHORTEST_PRIVACY_SECRET:
            raise ValueError(
                f"hash needs a secret of at least {_SHORTEST_PRIVACY_SECRET} characters: set "
                "privacy.secret (`openssl rand -hex 32` creates one)"
            )
        return self

    def privacy(self) -> Privacy:
        """Convert to the delivery core's `Privacy`."""
        return Privacy(self.remove, self.hash, reveal(self.secret) or "")


class ViewSettings(SettingsGroup):
    """All that may differ from store view to store view."""

    credentials: CredentialsSettings = CredentialsSettings()
    options: OptionsSettings = OptionsSettings()
    privacy: PrivacySettings = PrivacySettings()
    events: dict[str, bool] = Field(
        {}, description="switches of events, such as 'order/placed' = false"
    )
    detail_types: dict[str, str] = Field(
        {}, description="other names for detail-types, such as StateSaved = 'IndexerStateSaved'"
    )

    @field_validator("events", mode="before")
    @classmethod
    def _flat(cls, events: object) -> object:
        """Take `order.placed` for `order/placed`, so that a TOML table of a scope works."""
        if not isinstance(events, Mapping):
            return events
        flat: dict[str, Any] = {}
        for name, switch in events.items():
            if isinstance(switch, Mapping):
                flat.update({f"{name}/{event}": value for event, value in switch.items()})
            else:
                flat[name] = switch
        return flat

    @field_validator("events")
    @classmethod
    def _are_known(cls, events: dict[str, bool]) -> dict[str, bool]:
        for name in events:
            if name not in _TOGGLES and not name.startswith(_OWN):
                raise ValueError(f"there is no event '{name}'{_known_events(name)}")
        return events

    @field_validator("detail_types")
    @classmethod
    def _are_documented(cls, names: dict[str, str]) -> dict[str, str]:
        for name, other in names.items():
            if name not in BY_DETAIL_TYPE:
                raise ValueError(
                    f"there is no detail-type '{name}'{did_you_mean(name, BY_DETAIL_TYPE)}"
                )
            if not 0 < len(other) <= 128:
                raise ValueError(f"the other name of {name} must have 1 to 128 characters")
            _check_text(other)
        return names

    def route(self) -> Route:
        """Convert to the delivery core's `Route`."""
        options, credentials = self.options, self.credentials
        return Route(
            destination=Destination(
                region=options.region,
                event_bus=None if options.cloudwatch_event_fallback else options.event_bus,
                endpoint_url=options.endpoint_url,
                credentials=CredentialsSource(
                    type=credentials.type,
                    access_key=reveal(credentials.access_key),
                    secret_access_key=reveal(credentials.secret_access_key),
                    profile=credentials.profile,
                    role_arn=credentials.role_arn,
                    external_id=reveal(credentials.external_id),
                ),
                dry_run=options.dry_run_mode,
                endpoint_id=options.endpoint_id,
            ),
            source=options.source,
            tracking=options.tracking,
            switched_off=frozenset(
                f"aws_eventbridge/events_{name}" for name, is_on in self.events.items() if not is_on
            ),
            detail_types=self.detail_types,
            resources=options.resources,
            detail=options.detail,
            privacy=self.privacy.privacy(),
        )
