"""Settings: one typed model, filled from layers of which the later wins, each value's origin known.

Names follow the store's own: `aws_eventbridge/options/region` in Magento is `options.region` in the
TOML file and MAGENTO_EVENTBRIDGE_OPTIONS__REGION in the environment.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from magento_eventbridge.catalog import BY_DETAIL_TYPE, EVENTS
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import (
    CredentialsSource,
    CredentialsType,
    Destination,
    Route,
)
from magento_eventbridge.journal.personal import PersonalData
from magento_eventbridge.journal.recorder import Retention
from magento_eventbridge.observability.log import LogFormat

ENVIRONMENT_PREFIX = "MAGENTO_EVENTBRIDGE_"
CONFIG_FILE_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
SHORTEST_SECRET = 16
QUEUE = "aws.eventbridge.events.send"
"""The queue's name in Magento, and the topic's, since the original module."""
DEFAULT_CONFIG_FILE = Path("/etc/magento-eventbridge.toml")
_SHORTEST_PASSWORD = 12

_SCOPES = sorted({event.scope for event in EVENTS})
_TOGGLES = {event.config_path.removeprefix("aws_eventbridge/events_") for event in EVENTS}


class SettingsError(ValueError):
    """Settings that cannot be used; the message names each fault, where it was set, and the way."""


def _empty_as_none(value: object) -> object:
    return None if value == "" else value


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


OptionalText = Annotated[str | None, BeforeValidator(_empty_as_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(_empty_as_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_as_none)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CredentialsSettings(_Group):
    """Which AWS credentials to use."""

    type: CredentialsType = Field("default", description="keys, env, ec2 or default (AWS's chain)")
    access_key: OptionalSecret = Field(None, description="for type keys")
    secret_access_key: OptionalSecret = Field(None, description="for type keys")
    profile: OptionalText = Field(None, description="of the shared AWS files, for type default")
    role_arn: OptionalText = Field(None, description="a role to assume with these credentials")
    external_id: OptionalSecret = Field(None, description="that the role's trust policy asks for")


class OptionsSettings(_Group):
    """Where events go and what they look like there."""

    region: str = Field("us-east-1", min_length=1, description="AWS region")
    source: str = Field(
        "magento",
        min_length=1,
        description="Source of every entry; a store's default is its host name",
    )
    event_bus: OptionalText = Field(None, description="bus name or ARN; empty: the default bus")
    endpoint_url: OptionalText = Field(None, description="an endpoint other than AWS's own")
    cloudwatch_event_fallback: bool = Field(
        False, description="use the default bus whatever event_bus says"
    )
    tracking: bool = Field(True, description="add `tracking` to details")
    queue_mode: bool = Field(False, description="the store hands over through Magento's queue")
    debug_mode: bool = Field(False, description="write down each step of each event")
    dry_run_mode: bool = Field(False, description="do everything but the call")
    resources: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="ARNs for `Resources` of every entry; in one text: with spaces between"
    )

    @field_validator("source")
    @classmethod
    def _not_awss(cls, source: str) -> str:
        if source.startswith("aws."):
            raise ValueError("may not begin with 'aws.': that is reserved for AWS")
        return source

    @field_validator("endpoint_url")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url


class StoreSettings(_Group):
    """All that may differ from store view to store view."""

    credentials: CredentialsSettings = CredentialsSettings()
    options: OptionsSettings = OptionsSettings()
    events: dict[str, bool] = Field(
        {}, description="switches, as 'order/placed' = false; what is not named is on"
    )
    detail_types: dict[str, str] = Field(
        {}, description="other names for detail-types, as StateSaved = 'IndexerStateSaved'"
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
            if name not in _TOGGLES:
                raise ValueError(f"no event '{name}'; there are {', '.join(sorted(_TOGGLES))}")
        return events

    @field_validator("detail_types")
    @classmethod
    def _are_documented(cls, names: dict[str, str]) -> dict[str, str]:
        for name, other in names.items():
            if name not in BY_DETAIL_TYPE:
                raise ValueError(f"no detail-type '{name}'")
            if not 0 < len(other) <= 128:
                raise ValueError(f"the other name of {name} must have 1 to 128 characters")
        return names

    def route(self) -> Route:
        """Say the same as the delivery core wants to hear it."""
        options, credentials = self.options, self.credentials
        return Route(
            destination=Destination(
                region=options.region,
                event_bus=None if options.cloudwatch_event_fallback else options.event_bus,
                endpoint_url=options.endpoint_url,
                credentials=CredentialsSource(
                    type=credentials.type,
                    access_key=_reveal(credentials.access_key),
                    secret_access_key=_reveal(credentials.secret_access_key),
                    profile=credentials.profile,
                    role_arn=credentials.role_arn,
                    external_id=_reveal(credentials.external_id),
                ),
                dry_run=options.dry_run_mode,
            ),
            source=options.source,
            tracking=options.tracking,
            switched_off=frozenset(
                f"aws_eventbridge/events_{name}" for name, is_on in self.events.items() if not is_on
            ),
            detail_types=self.detail_types,
            resources=options.resources,
        )


class InletSettings(_Group):
    """The HTTP inlet."""

    enabled: bool = Field(True, description="listen at all")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8471, ge=0, le=65535, description="port to listen on; 0: any free one")
    secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(_words)] = Field(
        (), description="shared secrets, each valid; several while one replaces another"
    )
    max_body_bytes: int = Field(5_000_000, ge=1_000, description="longest request body")
    max_waiting_bytes: int = Field(
        64_000_000, ge=1_000, description="bodies in memory at once; beyond it: 429"
    )
    max_connections: int = Field(512, ge=1, description="connections at once; beyond it: 503")
    replay_window: float = Field(300, gt=0, description="oldest signature taken, in seconds")
    tls_certificate: OptionalPath = Field(None, description="PEM file; with tls_key: HTTPS")
    tls_key: OptionalPath = Field(None, description="PEM file")

    @field_validator("secrets")
    @classmethod
    def _are_long(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"a secret must have at least {SHORTEST_SECRET} characters")
        return secrets

    @property
    def is_wanted(self) -> bool:
        """Whether to listen: it is on, and somebody can sign."""
        return self.enabled and bool(self.secrets)

    @model_validator(mode="after")
    def _both_or_none(self) -> "InletSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self


class SpoolSettings(_Group):
    """The embedded queue."""

    path: Path = Field(
        Path("/var/lib/magento-eventbridge/spool.sqlite"), description="file of the sqlite queue"
    )


class OutboxSettings(_Group):
    """The table that the agent writes captures to, in Magento's own database."""

    enabled: bool = Field(False, description="deliver from it in `serve`; on with `magento_root`")
    host: str = Field("127.0.0.1", min_length=1, description="of the database server")
    port: int = Field(3306, ge=1, le=65535, description="of the database server")
    unix_socket: OptionalPath = Field(None, description="goes before host and port")
    database: str = Field("magento", min_length=1, description="the store's database")
    user: str = Field("magento", min_length=1, description="database user")
    password: OptionalSecret = Field(None, description="the database user's")
    table_prefix: str = Field(
        "", pattern=r"^\w*$", description="the store's, as `db/table_prefix` in env.php has it"
    )
    tls: bool = Field(False, description="encrypt the connection and check the server")
    tls_ca: OptionalPath = Field(None, description="PEM file, else the system's; implies tls")
    tls_ca_folder: OptionalPath = Field(None, description="folder of such; implies tls")
    tls_certificate: OptionalPath = Field(None, description="PEM file of our own; implies tls")
    tls_key: OptionalPath = Field(None, description="PEM file, for tls_certificate")
    tls_ciphers: OptionalText = Field(None, description="in OpenSSL's notation")
    tls_verify: bool = Field(True, description="check the server's certificate")
    tls_verify_host: bool = Field(True, description="its certificate must name the host")


class MagentoDbSettings(_Group):
    """Magento's message queue in its database; how to reach that is said in `[outbox]`."""

    enabled: bool | None = Field(
        None, description="deliver from it in `serve`; empty: if the outbox is, in queue mode"
    )
    queue: str = Field(QUEUE, min_length=1, description="its name, and the topic's")

    @field_validator("enabled", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return _empty_as_none(value)


class AmqpSettings(_Group):
    """Magento's message queue in RabbitMQ."""

    enabled: bool | None = Field(
        None, description="deliver from it in `serve`; empty: if there is a host, in queue mode"
    )
    host: OptionalText = Field(None, description="of the broker")
    port: int = Field(5672, ge=1, le=65535, description="of the broker")
    user: str = Field("guest", description="the broker's user")
    password: OptionalSecret = Field(None, description="that user's")
    virtual_host: str = Field("/", min_length=1, description="of the broker")
    queue: str = Field(QUEUE, min_length=1, description="its name, and the topic's")
    prefetch: int = Field(
        1000, ge=10, le=65535, description="messages that may be with one bridge at once"
    )
    tls: bool = Field(False, description="encrypt the connection and check the broker")
    tls_ca: OptionalPath = Field(None, description="PEM file, else the system's; implies tls")
    tls_certificate: OptionalPath = Field(None, description="PEM file of our own; implies tls")
    tls_key: OptionalPath = Field(None, description="PEM file, for tls_certificate")
    tls_verify: bool = Field(True, description="check the broker's certificate")
    tls_verify_host: bool = Field(True, description="its certificate must name the host")

    @field_validator("enabled", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return _empty_as_none(value)


class CronConsumersRunnerSettings(_Group):
    """How `consume` drains Magento's queue for cron; the names are those of `env.php`."""

    cron_run: bool = Field(True, description="whether cron may consume at all")
    max_messages: int = Field(0, ge=0, description="messages for each run; 0: all there are")
    consumers: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="which alone may run; none: all"
    )


class DeliverySettings(_Group):
    """How eager delivery is."""

    calls_at_once: int = Field(8, ge=1, le=256, description="calls at once, a destination")
    calls_per_second: float = Field(
        300, gt=0, description="calls a second, a destination; AWS's lowest quota is 400"
    )
    max_entry_bytes: int = Field(
        1_000_000,
        ge=1_000,
        le=1_048_576,
        description="an entry's and a call's; some regions: 262144",
    )
    answer_seconds: float = Field(15, gt=0, description="how long AWS may take to answer")
    stop_seconds: float = Field(20, ge=0, description="what calls get to end when asked to stop")

    def policy(self) -> Policy:
        """Say the same as the delivery core wants to hear it."""
        return Policy(
            calls_at_once=self.calls_at_once,
            calls_per_second=self.calls_per_second,
            stop_seconds=self.stop_seconds,
        )


class ConsoleSettings(_Group):
    """The console, a web page for people."""

    enabled: bool = Field(True, description="listen at all")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8472, ge=0, le=65535, description="port to listen on; 0: any free one")
    password: OptionalSecret = Field(None, description="that people log in with")
    proxy_header: OptionalText = Field(
        None, description="header in which a reverse proxy names who is logged in"
    )
    proxies: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        ("127.0.0.1", "::1"), description="addresses from which that header is believed"
    )
    session_hours: float = Field(12, gt=0, description="how long a login lasts without a request")

    @field_validator("password")
    @classmethod
    def _is_long(cls, password: SecretStr | None) -> SecretStr | None:
        if password and len(password.get_secret_value()) < _SHORTEST_PASSWORD:
            raise ValueError(f"must have at least {_SHORTEST_PASSWORD} characters")
        return password

    @model_validator(mode="after")
    def _is_protected(self) -> "ConsoleSettings":
        is_open = self.password is None and self.proxy_header is None
        if self.enabled and is_open and not _is_loopback(self.host):
            raise ValueError(
                f"would be open to everybody who reaches {self.host}: set console.password "
                f"(at least {_SHORTEST_PASSWORD} characters), or console.proxy_header behind a "
                "reverse proxy that asks who comes, or leave console.host at 127.0.0.1"
            )
        return self


class JournalSettings(_Group):
    """What the console knows of events: what became of each, for a while."""

    enabled: bool = Field(True, description="keep one, while the console is on")
    path: OptionalPath = Field(None, description="its file; empty: journal.sqlite by the spool")
    days: float = Field(14, gt=0, description="how long events are kept that are not delivered")
    delivered_days: float = Field(2, gt=0, description="how long delivered events are kept")
    events: int = Field(50_000, ge=100, description="how many are kept at most, the latest")
    personal_data: PersonalData = Field(
        "keep", description="keep, hash (it can still be searched for) or leave_out"
    )

    def retention(self) -> Retention:
        """Say the same as the journal wants to hear it."""
        return Retention(
            days=self.days,
            delivered_days=self.delivered_days,
            events=self.events,
            personal_data=self.personal_data,
        )


class MetricsSettings(_Group):
    """Where machines ask how the bridge fares: /metrics for Prometheus, /health for probes."""

    enabled: bool = Field(False, description="listen at all")
    host: str = Field("127.0.0.1", description="address to listen on; it asks nobody who they are")
    port: int = Field(8473, ge=0, le=65535, description="port to listen on; 0: any free one")


class TracingSettings(_Group):
    """A span of OpenTelemetry for each PutEvents call; needs the extra `otel`."""

    enabled: bool = Field(False, description="send spans")
    endpoint: OptionalText = Field(
        None,
        description="URL of an OTLP/HTTP collector, as http://127.0.0.1:4318/v1/traces; empty: as "
        "OTEL_EXPORTER_OTLP_ENDPOINT says",
    )


class LogSettings(_Group):
    """The log."""

    format: LogFormat = Field("magento", description="magento or json")
    file: OptionalPath = Field(None, description="empty: the store's var/log, else standard error")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level")


class Settings(StoreSettings):
    """Everything; what stands here of a store is the default for all store views."""

    stores: dict[int, StoreSettings] = Field({}, description="by store view id")
    inlet: InletSettings = InletSettings()
    spool: SpoolSettings = SpoolSettings()
    outbox: OutboxSettings = OutboxSettings()
    magento_db: MagentoDbSettings = MagentoDbSettings()
    amqp: AmqpSettings = AmqpSettings()
    cron_consumers_runner: CronConsumersRunnerSettings = CronConsumersRunnerSettings()
    delivery: DeliverySettings = DeliverySettings()
    console: ConsoleSettings = ConsoleSettings()
    journal: JournalSettings = JournalSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogSettings = LogSettings()
    magento_root: OptionalPath = Field(
        None, description="the store's folder: its configuration counts, its log is written"
    )

    def store(self, store_id: int) -> StoreSettings:
        """Give a store view's settings."""
        return self.stores.get(store_id, self)

    @property
    def journal_file(self) -> Path | None:
        """Where the journal is; None: there is none."""
        if not (self.console.enabled and self.journal.enabled):
            return None
        return self.journal.path or self.spool.path.with_name("journal.sqlite")

    @property
    def is_in_queue_mode(self) -> bool:
        """Whether any store view hands over through Magento's queue."""
        return any(view.options.queue_mode for view in (self, *self.stores.values()))

    @property
    def queues_of_queue_mode(self) -> list[str]:
        """The names of Magento's queues that `serve` delivers from."""
        reachable = {
            "magento-db": (self.magento_db.enabled, self.outbox.enabled),
            "amqp": (self.amqp.enabled, self.amqp.host is not None),
        }
        return [
            name
            for name, (is_enabled, is_known) in reachable.items()
            if (self.is_in_queue_mode and is_known if is_enabled is None else is_enabled)
        ]

    @property
    def log_file(self) -> Path | None:
        """Where to write the log; None: standard error."""
        if self.log.file or self.magento_root is None:
            return self.log.file
        return self.magento_root / "var/log/aws-eventbridge.log"

    @property
    def is_verbose(self) -> bool:
        """Whether any store view wants each step written down."""
        views = [self, *self.stores.values()]
        return self.log.level == "debug" or any(
            view.options.debug_mode or view.options.dry_run_mode for view in views
        )


@dataclass(frozen=True)
class Layer:
    """Settings from one place: what is set there, by group, and what to call the place."""

    origin: str
    values: Mapping[str, Any] = field(repr=False)  # secrets among them


@dataclass(frozen=True)
class Origins:
    """Where each value came from, by its dotted name."""

    names: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Name the place that a value came from."""
        name = name.replace("/", ".")  # events.order/placed is events.order.placed
        places = self._around(name)
        if not places and name.startswith("stores."):
            # What a store view does not set itself is what all of them have.
            places = self._around(name.split(".", 2)[-1])
        return ", ".join(dict.fromkeys(places)) or "default"

    def _around(self, name: str) -> list[str]:
        """Give the places of a value, of all in a group, or of what the name is a part of."""
        within = [
            place for other, place in self.names.items() if f"{other}.".startswith(f"{name}.")
        ]
        if within:
            return within
        while "." in name:
            name = name.rpartition(".")[0]
            if name in self.names:
                return [self.names[name]]
        return []


def load(layers: list[Layer]) -> tuple[Settings, Origins]:
    """Make settings of layers, the later winning, value by value.

    A store view begins with what all store views have, whichever layer that came from, and has
    its own values on top.

    Raises:
        SettingsError: with every fault and its origin.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _merge(merged, layer.values, origins, layer.origin, "")
    stores = merged.pop("stores", {})
    common = {name: merged[name] for name in StoreSettings.model_fields if name in merged}
    if isinstance(stores, Mapping):
        stores = {
            store_id: _overlaid(common, own) if isinstance(own, Mapping) else own
            for store_id, own in stores.items()
        }
    try:
        return Settings.model_validate({**merged, "stores": stores}), Origins(origins)
    except ValidationError as error:
        raise SettingsError("\n".join(_faults(error, Origins(origins)))) from None


def _merge(
    into: dict[str, Any], values: Mapping[str, Any], origins: dict[str, str], origin: str, at: str
) -> None:
    for name, value in values.items():
        if "/" in name:  # order/placed is placed in the group order
            group, _, member = name.partition("/")
            _merge(into, {group: {member: value}}, origins, origin, at)
            continue
        dotted = f"{at}{name}"
        former = into.get(name)
        if isinstance(value, Mapping):
            if former is not None and not isinstance(former, dict):
                raise SettingsError(
                    f"{dotted} is a group of settings, but {origins[dotted]} gives it a value"
                )
            _merge(into.setdefault(name, {}), value, origins, origin, f"{dotted}.")
        elif isinstance(former, dict):
            raise SettingsError(f"{dotted} is a group of settings, but {origin} gives it a value")
        else:
            into[name] = value
            origins[dotted] = origin


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            result[name] = _overlaid(under, value)
        else:
            result[name] = value
    return result


def _faults(error: ValidationError, origins: Origins) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in fault["loc"]).removesuffix(".[key]")
        told = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            told = "there is no such setting"
        faults.append(f"{name}: {told} (from {origins.of(name)})")
    return faults


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """Read MAGENTO_EVENTBRIDGE_OPTIONS__REGION and its like.

    `__` parts a name from its group; case does not count, save in names of detail-types.
    """
    values: dict[str, Any] = {}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_FILE_VARIABLE:
            continue
        *groups, name = variable.removeprefix(ENVIRONMENT_PREFIX).split("__")
        at = values
        for group in groups:
            at = at.setdefault(group.lower(), {})
            if not isinstance(at, dict):
                raise SettingsError(f"{variable}: {group} cannot be both a value and a group")
        keeps_case = [group.lower() for group in groups][-1:] == ["detail_types"]
        at[name if keeps_case else name.lower()] = value
    return Layer("environment", values)


def file_layer(path: Path | None, environment: Mapping[str, str]) -> Layer:
    """Read the TOML file: the one named, that of MAGENTO_EVENTBRIDGE_CONFIG, or the default one.

    Raises:
        SettingsError: a file that was named is missing, or a file is no TOML.
    """
    named = path or (
        Path(environment[CONFIG_FILE_VARIABLE]) if environment.get(CONFIG_FILE_VARIABLE) else None
    )
    file = named or DEFAULT_CONFIG_FILE
    try:
        return Layer(str(file), tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        if named is None:
            return Layer(str(file), {})
        raise SettingsError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None


def own_layers(
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    command_line: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """Read the bridge's own settings: TOML file < environment < command line.

    Raises:
        SettingsError: one of them cannot be read.
    """
    surroundings = os.environ if environment is None else environment
    return [
        file_layer(config, surroundings),
        environment_layer(surroundings),
        Layer("command line", command_line or {}),
    ]


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
