"""Audit the store each day, while `serve` runs."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from magento_eventbridge.audit.findings import Report
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.backfill.window import zone_of
from magento_eventbridge.bridge.auditing import run_audit, window_begins
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.magento.database import database_options
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

# In seconds: how soon a changed `audit.at` is noticed.
_CHECKS_EVERY = 20.0
_NAMED = 20


def next_time(at: str, zone: tzinfo, now: float) -> float:
    """Return when it is `at` (HH:MM) for the next time, in seconds since the epoch."""
    hour, minute = map(int, at.split(":"))
    today = datetime.fromtimestamp(now, zone)
    due = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due.timestamp() <= now:
        # By the calendar: a day may have 23 or 25 hours.
        due = (due.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    return due.timestamp()


class ScheduledAudit:
    """Audits at the time that the settings say, until cancelled."""

    def __init__(self, settings: Callable[[], Settings], figures: AuditFigures) -> None:
        self._settings = settings
        self._figures = figures

    async def run(self) -> None:
        """Audit each day."""
        due: float | None = None
        planned = ""
        while True:
            settings = self._settings()
            if not settings.audit.at or settings.ledger_file is None:
                due, planned = None, ""
            elif settings.audit.at != planned:
                planned = settings.audit.at
                due = next_time(planned, await _zone(settings), time.time())
            if due is not None and time.time() >= due:
                await self.audit(settings)
                due = next_time(planned, await _zone(settings), time.time())
            await asyncio.sleep(_CHECKS_EVERY)

    async def audit(self, settings: Settings) -> None:
        """Audit once, and report the result."""
        try:
            report = await run_audit(settings, window_begins(settings))
        except BridgeError as error:
            self._figures.failures += 1
            log.error("The audit could not be done: %s", error)
        except Exception:
            self._figures.failures += 1
            log.exception("The audit failed")
        else:
            self._figures.missing, self._figures.finished_at = report.missing, time.time()
            _log(report)


def _log(report: Report) -> None:
    if not report.missing:
        delivered = sum(n for (_, verdict), n in report.counts.items() if verdict == "delivered")
        log.info("Audit: nothing is missing; %d events were delivered", delivered)
        return
    named = [f"{one.detail_type} of {one.name}" for one in report.of("missing")]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    log.error(
        "Audit: %d events are missing: %s%s. 'magento-eventbridge audit --repair' sends them.",
        report.missing,
        ", ".join(named[:_NAMED]),
        more,
    )


async def _zone(settings: Settings) -> tzinfo:
    """Return the store's time zone; UTC while the database cannot be read."""
    tables = StoreTables(database_options(settings.outbox))
    try:
        return zone_of(await tables.time_zone())
    except BridgeError:
        return zone_of("UTC")
    finally:
        await tables.close()
