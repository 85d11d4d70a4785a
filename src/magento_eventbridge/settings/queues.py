"""Settings of the four queues, and of how cron consumes them."""

import re
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
    RequiredPath,
    SettingsGroup,
    empty_as_none,
    split_words,
)
from magento_eventbridge.tls import TlsOptions

QUEUE = "aws.eventbridge.events.send"
"""The queue's name in Magento, and the topic's, since the original module."""


class SpoolSettings(SettingsGroup):
    """The embedded queue."""

    path: RequiredPath = Field(
        Path("/var/lib/magento-eventbridge/spool.sqlite"), description="the spool's file"
    )


class OutboxSettings(SettingsGroup):
    """The table that the agent writes captures to, in Magento's own database."""

    enabled: bool = Field(
        False, description="deliver from it in `serve`; on if `magento_root` is set"
    )
    host: str = Field("127.0.0.1", min_length=1, description="host name of the database server")
    port: int = Field(3306, ge=1, le=65535, description="port of the database server")
    unix_socket: OptionalPath = Field(
        None, description="socket of the database server; used instead of host and port"
    )
    database: str = Field("magento", min_length=1, description="the store's database")
    user: str = Field("magento", min_length=1, description="user of the database")
    password: OptionalSecret = Field(None, description="password of that user")
    table_prefix: str = Field(
        "",
        description="prefix of the store's tables: `db/table_prefix` in env.php",
    )
    tls: bool = Field(False, description="encrypt the connection and verify the server")
    tls_ca: OptionalPath = Field(
        None, description="PEM file of authorities; empty: the system's; switches `tls` on"
    )
    tls_ca_folder: OptionalPath = Field(
        None, description="folder with such files; switches `tls` on"
    )
    tls_certificate: OptionalPath = Field(
        None, description="PEM file of the bridge's own certificate; switches `tls` on"
    )
    tls_key: OptionalPath = Field(None, description="PEM file of the key of `tls_certificate`")
    tls_ciphers: OptionalText = Field(None, description="ciphers, in OpenSSL's notation")
    tls_verify: bool = Field(True, description="verify the server's certificate")
    tls_verify_host: bool = Field(True, description="require that its certificate names the host")

    @field_validator("table_prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        if not re.fullmatch(r"\w*", prefix, re.ASCII):
            raise ValueError("may have letters, digits and _ only")
        return prefix

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
        None,
        description="deliver from it in `serve`; empty: in queue mode, if the outbox is enabled",
    )
    queue: str = Field(QUEUE, min_length=1, description="name of the queue and of the topic")

    @field_validator("enabled", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return empty_as_none(value)


class AmqpSettings(SettingsGroup):
    """Magento's message queue in RabbitMQ."""

    enabled: bool | None = Field(
        None, description="deliver from it in `serve`; empty: in queue mode, if there is a host"
    )
    host: OptionalText = Field(None, description="host name of the broker")
    port: int = Field(5672, ge=1, le=65535, description="port of the broker")
    user: str = Field("guest", description="user of the broker")
    password: OptionalSecret = Field(None, description="password of that user")
    virtual_host: str = Field("/", min_length=1, description="virtual host of the broker")
    queue: str = Field(QUEUE, min_length=1, description="name of the queue and of the topic")
    prefetch: int = Field(
        1000, ge=10, le=65535, description="the most messages that one bridge holds at a time"
    )
    tls: bool = Field(False, description="encrypt the connection and verify the broker")
    tls_ca: OptionalPath = Field(
        None, description="PEM file of authorities; empty: the system's; switches `tls` on"
    )
    tls_ca_folder: OptionalPath = Field(
        None, description="folder with such files; switches `tls` on"
    )
    tls_certificate: OptionalPath = Field(
        None, description="PEM file of the bridge's own certificate; switches `tls` on"
    )
    tls_key: OptionalPath = Field(None, description="PEM file of the key of `tls_certificate`")
    tls_ciphers: OptionalText = Field(None, description="ciphers, in OpenSSL's notation")
    tls_verify: bool = Field(True, description="verify the broker's certificate")
    tls_verify_host: bool = Field(True, description="require that its certificate names the host")

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

    cron_run: bool = Field(True, description="whether cron may consume")
    max_messages: int = Field(0, ge=0, description="the most messages in each run; 0: all")
    consumers: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="the consumers that may run; empty: all"
    )
