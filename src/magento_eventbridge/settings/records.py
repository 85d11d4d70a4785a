"""Settings of what the bridge records: log, journal, traces."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from magento_eventbridge.journal.personal import PersonalData
from magento_eventbridge.journal.recorder import Retention
from magento_eventbridge.observability.log import LogFormat
from magento_eventbridge.settings.fields import (
    OptionalPath,
    OptionalWebAddress,
    SettingsGroup,
    split_words,
)

_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class JournalSettings(SettingsGroup):
    """The journal: the outcome of each event, kept for a while, for the console."""

    enabled: bool = Field(True, description="whether to keep one while the console is on")
    path: OptionalPath = Field(
        None, description="its file; empty: `journal.sqlite` beside the spool"
    )
    days: float = Field(
        14, gt=0, description="how many days events that were not delivered are kept"
    )
    delivered_days: float = Field(2, gt=0, description="how many days delivered events are kept")
    events: int = Field(
        50_000, ge=100, description="the most events that are kept: the latest ones"
    )
    personal_data: PersonalData = Field(
        "keep", description="`keep`, `hash` (can still be searched for) or `leave_out`"
    )

    def retention(self) -> Retention:
        """Convert to the journal's `Retention`."""
        return Retention(
            days=self.days,
            delivered_days=self.delivered_days,
            events=self.events,
            personal_data=self.personal_data,
        )


class LedgerSettings(SettingsGroup):
    """The ledger: what was delivered, in short, for `audit` and `events find`."""

    enabled: bool = Field(True, description="whether to keep one if the store's database is known")
    path: OptionalPath = Field(
        None, description="its file; empty: `ledger.sqlite` beside the spool"
    )
    days: float = Field(90, gt=0, description="how many days it is kept")


class AuditSettings(SettingsGroup):
    """The audit that `serve` runs by itself."""

    at: str = Field(
        "", description="time of day, such as 03:30, in the store's time zone; empty: never"
    )
    ledgers: Annotated[tuple[Path, ...], BeforeValidator(split_words)] = Field(
        (), description="the ledgers of other bridges on the same store"
    )
    hours: float = Field(26, gt=0, le=24 * 90, description="how many hours back it checks")

    @field_validator("at")
    @classmethod
    def _is_time(cls, at: str) -> str:
        if at and not _TIME_OF_DAY.fullmatch(at):
            raise ValueError("must be a time of day, as 03:30, or empty")
        return at


class TracingSettings(SettingsGroup):
    """A span of OpenTelemetry for each PutEvents call; needs the extra `otel`."""

    enabled: bool = Field(False, description="whether to send spans")
    endpoint: OptionalWebAddress = Field(
        None,
        description="URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318/v1/traces; "
        "empty: OpenTelemetry's own variables apply",
    )


class LogSettings(SettingsGroup):
    """The log."""

    format: LogFormat = Field("magento", description="format of the lines")
    file: OptionalPath = Field(
        None, description="the log's file; empty: in the store's var/log, or standard error"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )
