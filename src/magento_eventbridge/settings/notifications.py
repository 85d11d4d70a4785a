"""Settings of notifications: the channels, and how soon and how often."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from magento_eventbridge.settings.fields import (
    OptionalSecret,
    OptionalText,
    SettingsGroup,
    split_words,
)

_TOPIC = re.compile(r"arn:aws[\w-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")

CHANNELS = {
    "email": "email_to",
    "slack": "slack_url",
    "webhook": "webhook_url",
    "sns": "sns_topic",
    "apprise": "apprise_urls",
}
"""The channels, each with the setting that switches it on."""


class NotificationSettings(SettingsGroup):
    """Notifications of problems to people; each channel that is set is used."""

    email_to: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="e-mail addresses; in one text: with spaces between"
    )
    email_from: OptionalText = Field(
        None, description="sender's address; empty: `magento-eventbridge@` and the machine's name"
    )
    smtp_host: str = Field("localhost", min_length=1, description="host name of the mail server")
    smtp_port: int = Field(587, ge=1, le=65535, description="port of the mail server")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls` (usually port 465) or `none` (usually port 25)"
    )
    smtp_user: OptionalText = Field(None, description="user of the mail server; empty: no login")
    smtp_password: OptionalSecret = Field(None, description="password of that user")
    slack_url: OptionalSecret = Field(
        None, description="address of an incoming webhook of Slack, or of what is compatible"
    )
    webhook_url: OptionalSecret = Field(
        None, description="address to which each notification is posted as JSON"
    )
    webhook_token: OptionalSecret = Field(
        None, description="sent there as `Authorization: Bearer …`"
    )
    sns_topic: OptionalText = Field(
        None, description="ARN of an SNS topic; needs the permission sns:Publish"
    )
    apprise_urls: Annotated[tuple[SecretStr, ...], BeforeValidator(split_words)] = Field(
        (), description="addresses for the library Apprise; needs the extra `apprise`"
    )
    nothing_delivered_minutes: float = Field(
        15, gt=0, description="how many minutes nothing is delivered before that is a problem"
    )
    group_seconds: float = Field(
        30, ge=0, description="how many seconds a problem waits for others, to be sent with them"
    )
    pause_minutes: float = Field(
        5, ge=0, description="the least number of minutes between two notifications"
    )
    repeat_hours: float = Field(
        24, gt=0, description="after how many hours problems that last are mentioned again"
    )

    @field_validator("slack_url", "webhook_url")
    @classmethod
    def _is_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not re.match(r"https?://[^/\s]", url.get_secret_value()):
            raise ValueError("must begin with http:// or https:// and a host name")
        return url

    @field_validator("sns_topic")
    @classmethod
    def _is_topic(cls, topic: str | None) -> str | None:
        if topic and not _TOPIC.fullmatch(topic):
            raise ValueError(
                "must be the ARN of a topic, as arn:aws:sns:eu-west-1:123456789012:on-call"
            )
        return topic

    @field_validator("email_to")
    @classmethod
    def _are_addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"'{address}' is no e-mail address, as ops@example.com")
        return addresses

    @field_validator("email_from")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address and not _ADDRESS.fullmatch(address):
            raise ValueError(f"'{address}' is no e-mail address, as ops@example.com")
        return address
