"""Settings of what the bridge records: log, journal, traces."""

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from magento_eventbridge.journal.personal import PersonalData
from magento_eventbridge.journal.recorder import Retention
from magento_eventbridge.observability.log import LogFormat
from magento_eventbridge.settings.fields import OptionalPath, OptionalText, SettingsGroup


class JournalSettings(SettingsGroup):
    """The journal: the outcome of each event, kept for a while, for the console."""

    enabled: bool = Field(True, description="keep one, while the console is on")
    path: OptionalPath = Field(None, description="its file; empty: journal.sqlite by the spool")
    days: float = Field(14, gt=0, description="how long events that were not delivered are kept")
    delivered_days: float = Field(2, gt=0, description="how long delivered events are kept")
    events: int = Field(50_000, ge=100, description="how many are kept at most, the latest")
    personal_data: PersonalData = Field(
        "keep", description="keep, hash (it can still be searched for) or leave_out"
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

    enabled: bool = Field(True, description="keep one, where the store's database is known")
    path: OptionalPath = Field(None, description="its file; empty: ledger.sqlite by the spool")
    days: float = Field(90, gt=0, description="how long it is kept")


class AuditSettings(SettingsGroup):
    """The audit that `serve` runs by itself."""

    at: Annotated[
        str,
        Field(
            pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$",
            description="when, as 03:30, each day, in the store's time zone; empty: never",
        ),
    ] = ""
    hours: float = Field(26, gt=0, le=24 * 90, description="how far back it checks")


class TracingSettings(SettingsGroup):
    """A span of OpenTelemetry for each PutEvents call; needs the extra `otel`."""

    enabled: bool = Field(False, description="send spans")
    endpoint: OptionalText = Field(
        None,
        description="URL of an OTLP/HTTP collector, as http://127.0.0.1:4318/v1/traces; empty: as "
        "OTEL_EXPORTER_OTLP_ENDPOINT says",
    )


class LogSettings(SettingsGroup):
    """The log."""

    format: LogFormat = Field("magento", description="magento or json")
    file: OptionalPath = Field(None, description="empty: the store's var/log, else standard error")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level")
