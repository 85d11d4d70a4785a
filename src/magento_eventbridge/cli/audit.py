"""`audit`: compare the store's tables with what was delivered."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from magento_eventbridge.audit.auditor import AUDITED
from magento_eventbridge.audit.findings import VERDICTS, AuditFinding, Report
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.backfill.window import WindowError, check_times
from magento_eventbridge.bridge.auditing import GRACE_SECONDS, ledgers_of, repair, run_audit
from magento_eventbridge.bridge.startup import run_loop, start_log
from magento_eventbridge.cli.backfill import Rate, Replica, read_window, replica_options, shown
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, out, show_json, table
from magento_eventbridge.counting import count
from magento_eventbridge.magento.database import DatabaseOptions, database_options
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.model import Settings

NAME = "audit"
EXAMPLE = "magento-eventbridge audit --since 24h --magento-root /var/www/html"


def run(
    since: Annotated[
        str, typer.Option("--since", help="From when: a date, a time or an age such as 24h.")
    ] = "24h",
    until: Annotated[
        str | None,
        typer.Option("--until", help="Until when; else a minute ago.", show_default=False),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", help=f"Only {', '.join(AUDITED)}; may be repeated.", show_default=False
        ),
    ] = None,
    ledgers: Annotated[
        list[Path] | None,
        typer.Option(
            "--ledger", help="The ledger of another bridge; may be repeated.", show_default=False
        ),
    ] = None,
    send_missing: Annotated[
        bool, typer.Option("--repair", help="Send what is missing, marked as repaired.")
    ] = False,
    rate: Rate = 50.0,
    replica: Replica = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Compare the store's tables with what was delivered; exit 1 when something is missing.

    Each entity that was created or changed is delivered, waiting, a dead letter, switched off or
    missing. It compares with the ledger that `serve` writes.
    """
    unknown = set(kinds or ()) - set(AUDITED)
    if unknown:
        raise WindowError(
            f"--kind {', '.join(sorted(unknown))}: there are {', '.join(AUDITED)} to audit"
        )
    check_times(since, until)
    settings, _ = settings_of(config, overrides, magento_root)
    start_log(settings)
    ledgers_of(settings)
    for file in ledgers or ():
        if not file.exists():
            raise WindowError(f"--ledger {file}: there is no such file")
    database = replica_options(database_options(settings.outbox), replica)
    code = run_loop(
        _run(settings, database, since, until, kinds, ledgers, rate, send_missing, as_json)
    )
    if code:
        raise typer.Exit(code)


async def _run(
    settings: Settings,
    database: DatabaseOptions,
    since: str,
    until: str | None,
    kinds: list[str] | None,
    ledgers: list[Path] | None,
    rate: float,
    send_missing: bool,
    as_json: bool,
) -> int:
    tables = StoreTables(database)
    try:
        first, last = await read_window(settings, tables, since, until)
    finally:
        await tables.close()
    if first is not None and last is None and first > time.time() - GRACE_SECONDS:
        raise WindowError(
            f"--since {since} is less than a minute ago: an audit ends a minute ago, as younger "
            "events may be on their way"
        )
    report = await run_audit(
        settings,
        first or 0.0,
        last,
        kinds=kinds or AUDITED,
        ledgers=ledgers or (),
        database=database,
    )
    sent = 0
    left_out: list[str] = []
    is_repaired = False
    if send_missing and report.missing and not report.cannot_repair:
        with shown(report.missing) as on_progress:
            outcome = await repair(settings, report, rate=rate, on_progress=on_progress)
        sent = outcome.sent
        record_action("sent %s that the audit found missing", count(sent, "event"))
        left_out = [f"{entity}: {reason}" for entity, reason in outcome.left_out]
        is_repaired = outcome.is_complete and not left_out and sent == report.missing
    if as_json:
        show_json({**report.as_json(), "repaired": sent, "left_out": left_out})
    else:
        _show(report, sent, left_out)
    return 1 if report.missing and not is_repaired else 0


def _show(report: Report, sent: int, left_out: list[str]) -> None:
    out.print(f"from {_time(report.since)} until {_time(report.until)}")
    rows = table("", *VERDICTS)
    for kind in AUDITED:
        counts = [report.counts[kind, verdict] for verdict in VERDICTS]
        if any(counts):
            rows.add_row(kind, *counts)
    out.print(rows, soft_wrap=False)
    for note in report.notes:
        out.print(f"note: {note}")
    for verdict, title in (
        ("missing", "missing"),
        ("dead letter", "dead letter (see 'dead-letters list')"),
        ("touched", "only a newer updated_at; never repaired"),
        ("broken", "its rows cannot become an event"),
    ):
        for finding in report.listed:
            if finding.verdict == verdict:
                out.print(f"{title}: {_line(finding)}")
    if sent:
        out.print(f"{sent} sent, marked as repaired")
    elif report.missing:
        out.print("send what is missing with --repair")
    for line in left_out:
        out.print(f"could not be sent: {line}")


def _line(finding: AuditFinding) -> str:
    return f"{finding.detail_type} of {finding.name}, {_time(finding.happened_at)}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
