"""Run an audit, and send what is missing."""

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from magento_eventbridge.audit.auditor import AUDITED, Auditor, Missing, Sources
from magento_eventbridge.audit.findings import Report
from magento_eventbridge.audit.waiting import WaitingCaptures
from magento_eventbridge.backfill.progress import LeftOut
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.bridge.backfilling import BackfillOutcome, RunState, send
from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.ports import DeadLetters
from magento_eventbridge.ledger.archive import LedgerArchive, LedgerError
from magento_eventbridge.magento.database import DatabaseOptions, database_options
from magento_eventbridge.settings.model import Settings

GRACE_SECONDS = 60.0
"""What is younger may still be on its way: an audit ends so long ago."""


def ledgers_of(settings: Settings, others: Sequence[Path] = ()) -> LedgerArchive:
    """Return the reader of this bridge's ledger and of others.

    Raises:
        LedgerError: this bridge keeps none, or another's is not there.
    """
    file = settings.ledger_file
    if file is None:
        raise LedgerError(
            "no ledger is kept: the audit needs the store's database (--magento-root or [outbox]) "
            "and ledger.enabled"
        )
    others = [*settings.audit.ledgers, *others]
    if lacking := next((one for one in others if not one.exists()), None):
        raise LedgerError(f"the ledger {lacking} of another bridge is not there")
    return LedgerArchive([file, *dict.fromkeys(others)])


def window_begins(settings: Settings) -> float:
    """Return since when to audit, if `audit.hours` says it, in seconds since the epoch."""
    return time.time() - GRACE_SECONDS - settings.audit.hours * 3600


async def run_audit(
    settings: Settings,
    since: float,
    until: float | None = None,
    *,
    kinds: Collection[str] = AUDITED,
    ledgers: Sequence[Path] = (),
    database: DatabaseOptions | None = None,
    is_scheduled: bool = False,
) -> Report:
    """Audit a window, and keep the result in the ledger; where that fails, the report says so.

    Raises:
        BridgeError: the store's tables, a queue or the ledger cannot be read.
    """
    archive = ledgers_of(settings, ledgers)
    end = until if until is not None else time.time() - GRACE_SECONDS
    options = database or database_options(settings.outbox)
    catalog = CurrentCatalog(settings).catalog
    tables = StoreTables(options, catalog.columns)
    waiting = WaitingCaptures(
        database_options(settings.outbox), settings.magento_db.queue, settings.spool.path
    )
    try:
        async with _queues(settings) as (letters, cannot_repair):
            routes = Routes(settings, catalog)
            sources = Sources(tables, routes, archive, waiting, letters)
            report = await Auditor(sources).audit(since, end, kinds)
            if report.missing and cannot_repair:
                report.cannot_repair = cannot_repair
                report.notes.append(cannot_repair)
            try:
                result = report.as_json() | {"scheduled": is_scheduled}
                archive.keep_audit(time.time(), result)
            except LedgerError as error:
                report.notes.append(f"this result was not kept: {error}")
            return report
    finally:
        await tables.close()
        await waiting.close()


async def repair(
    settings: Settings,
    report: Report,
    *,
    rate: float,
    on_progress: Callable[[RunState], None],
    is_stopped_by_signals: bool = True,
) -> BackfillOutcome:
    """Send the events that an audit found missing.

    Raises:
        QueueError: the store's database cannot be used.
    """
    columns = CurrentCatalog(settings).catalog.columns
    tables = StoreTables(database_options(settings.outbox), columns)
    source = Missing(tables, report.of("missing"))
    try:
        outcome = await send(
            settings,
            source,
            on_progress,
            rate=rate,
            is_stopped_by_signals=is_stopped_by_signals,
        )
        return replace(outcome, left_out=[LeftOut(*one) for one in source.left_out])
    finally:
        await tables.close()


@asynccontextmanager
async def _queues(settings: Settings) -> AsyncIterator[tuple[list[DeadLetters], str]]:
    """Yield the dead letters of all queues, and why a repair might send events twice."""
    names = ["outbox", *settings.queues_of_queue_mode]
    if settings.spool.path.exists():
        names.append("sqlite")
    async with AsyncExitStack() as stack:
        letters: list[DeadLetters] = []
        reason = ""
        for name in names:
            queue = open_queue(settings, name)
            stack.push_async_callback(queue.close)
            letters.append(queue.dead_letters)
            if name == "amqp" and (depth := await queue.depth()).captures:
                reason = (
                    f"{depth.captures} messages wait in RabbitMQ, which cannot be read without "
                    "taking them: what is missing may be among them"
                )
        yield letters, reason
