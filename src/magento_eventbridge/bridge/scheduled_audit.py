"""Audit the store each day, while `serve` runs."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

from magento_eventbridge.audit.findings import Report
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.backfill.window import zone_of
from magento_eventbridge.bridge.auditing import ledgers_of, run_audit, window_begins
from magento_eventbridge.bridge.store_zone import store_zone
from magento_eventbridge.counting import count
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.magento.database import database_options
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

# In seconds: how soon a changed `audit.at` is noticed.
_CHECKS_EVERY = 20.0
_NAMED = 20
_DAY = 86_400.0


def next_time(at: str, zone: tzinfo, now: float) -> float:
    """Return when it is `at` (HH:MM) for the next time, in seconds since the epoch."""
    return next(due for due in _days(at, zone, now) if due > now)


def last_time(at: str, zone: tzinfo, now: float) -> float:
    """Return when it was `at` (HH:MM) for the last time, in seconds since the epoch."""
    return max(due for due in _days(at, zone, now) if due <= now)


def _days(at: str, zone: tzinfo, now: float) -> Iterator[float]:
    """Yield when it is `at` from yesterday to the day after tomorrow, once a day.

    By the calendar: a day may have 23 or 25 hours, and no such time or two of them.
    """
    hour, minute = map(int, at.split(":"))
    today = datetime.fromtimestamp(now, zone).replace(tzinfo=None, fold=0)
    due = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    for days in range(-2, 3):
        yield (due + timedelta(days=days)).replace(tzinfo=zone).timestamp()


class ScheduledAudit:
    """Audits at the time that the settings say, until cancelled."""

    def __init__(self, settings: Callable[[], Settings], figures: AuditFigures) -> None:
        self._settings = settings
        self._figures = figures

    async def run(self) -> None:
        """Audit each day; at once, if the bridge did not run at the time of the last audit."""
        due: float | None = None
        planned = ""
        while True:
            settings = self._settings()
            at = settings.audit.at if settings.ledger_file else ""
            if at != planned or due is None:
                is_new, planned = at != planned, at
                due = await self._plan(settings, is_new=is_new) if at else None
            if due is not None and time.time() >= due:
                await self.audit(settings)
                due = await self._plan(settings)
            await asyncio.sleep(_CHECKS_EVERY)

    async def _plan(self, settings: Settings, *, is_new: bool = False) -> float | None:
        """Return when to audit; None while the store's time zone cannot be read."""
        at, now, zone = settings.audit.at, time.time(), await _zone(settings)
        if zone is None:
            return None
        if is_new and (last := await _last_audit(settings)):
            finished_at, result = last
            if self._figures.missing is None:
                self._figures.missing = result["counts"]["missing"]
                self._figures.finished_at = finished_at
            if finished_at < last_time(at, zone, now):
                log.info("The bridge did not audit at %s: it does so now", at)
                return now
        return next_time(at, zone, now)

    async def audit(self, settings: Settings) -> None:
        """Audit once, and report the result."""
        try:
            report = await run_audit(settings, await _begin(settings), is_scheduled=True)
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
    for note in report.notes:
        log.warning("Audit: %s", note)
    if not report.missing:
        delivered = sum(n for (_, verdict), n in report.counts.items() if verdict == "delivered")
        log.info("Audit: nothing is missing; %s delivered", count(delivered, "event"))
        return
    named = [f"{one.detail_type} of {one.name}" for one in report.of("missing")]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    log.error(
        "Audit: %s missing: %s%s. 'magento-eventbridge audit --repair' sends what is missing.",
        count(report.missing, "event"),
        ", ".join(named[:_NAMED]),
        more,
    )


async def _begin(settings: Settings) -> float:
    """Return since when to audit: since the end of the last audit, if that is longer ago."""
    begin = window_begins(settings)
    if last := await _last_audit(settings):
        kept_since = time.time() - settings.ledger.days * _DAY
        begin = max(min(begin, last[1]["until"]), kept_since)
    return begin


async def _last_audit(settings: Settings) -> tuple[float, dict[str, Any]] | None:
    """Return the last audit of the schedule, if it is known."""
    try:
        return await asyncio.to_thread(ledgers_of(settings).last_scheduled_audit)
    except BridgeError:
        return None


async def _zone(settings: Settings) -> tzinfo | None:
    """Return the store's time zone; None while the database cannot be read."""
    tables = StoreTables(database_options(settings.outbox))
    try:
        return zone_of(await store_zone(settings, tables))
    except BridgeError:
        return None
    finally:
        await tables.close()
