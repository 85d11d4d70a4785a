"""Settings of the four queues, and of how cron consumes them."""

from pathlib import Path
from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
)

from magento_eventbridge.settings.fields import (
    OptionalPath,
    OptionalSecret,
    OptionalText,
    SettingsGroup,
    empty_as_none,
    split_words,
)
from magento_eventbridge.tls import TlsOptions

QUEUE = "aws.eventbridge.events.send"
"""The queue's name in Magento, and the topic's, since the original module."""


class SpoolSettings(SettingsGroup):
    """The embedded queue."""

    path: Path = Field(
        Path("/var/lib/magento-eventbridge/spool.sqlite"), description="file of the sqlite queue"
    )


class OutboxSettings(SettingsGroup):
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

    @property
    def tls_options(self) -> TlsOptions:
        """The options of TLS in one value."""
        return TlsOptions(
            enabled=self.tls,
            ca=self.tls_ca,
            ca_folder=self.tls_ca_folder,
            certificate=self.tls_certificate,
            key=self.tls_key,
            ciphers=self.tls_ciphers,
            verify=self.tls_verify,
            verify_host=self.tls_verify_host,
        )


class MagentoDbSettings(SettingsGroup):
    """Magento's message queue in its database; the connection is that of `[outbox]`."""

    enabled: bool | None = Field(
        None, description="deliver from it in `serve`; empty: if the outbox is, in queue mode"
    )
    queue: str = Field(QUEUE, min_length=1, description="its name, and the topic's")

    @field_validator("enabled", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return empty_as_none(value)


class AmqpSettings(SettingsGroup):
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
    tls_ca_folder: OptionalPath = Field(None, description="folder of such; implies tls")
    tls_certificate: OptionalPath = Field(None, description="PEM file of our own; implies tls")
    tls_key: OptionalPath = Field(None, description="PEM file, for tls_certificate")
    tls_ciphers: OptionalText = Field(None, description="in OpenSSL's notation")
    tls_verify: bool = Field(True, description="check the broker's certificate")
    tls_verify_host: bool = Field(True, description="its certificate must name the host")

    @field_validator("enabled", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return empty_as_none(value)

    @property
    def tls_options(self) -> TlsOptions:
        """The options of TLS in one value."""
        return TlsOptions(
            enabled=self.tls,
            ca=self.tls_ca,
            ca_folder=self.tls_ca_folder,
            certificate=self.tls_certificate,
            key=self.tls_key,
            ciphers=self.tls_ciphers,
            verify=self.tls_verify,
            verify_host=self.tls_verify_host,
        )


class CronConsumersRunnerSettings(SettingsGroup):
    """How `consume` drains Magento's queue for cron; the names are those of `env.php`."""

    cron_run: bool = Field(True, description="whether cron may consume at all")
    max_messages: int = Field(0, ge=0, description="messages for each run; 0: all there are")
    consumers: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="which alone may run; none: all"
    )
