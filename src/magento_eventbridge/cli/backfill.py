"""`backfill`: send events of what the store's tables already hold."""

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from magento_eventbridge.backfill.kinds import KINDS, Kind
from magento_eventbridge.backfill.progress import Progress as KeptProgress
from magento_eventbridge.backfill.queue import Job, name_of
from magento_eventbridge.backfill.rows import CHUNK, Selection, StoreTables
from magento_eventbridge.backfill.snapshots import RowError
from magento_eventbridge.backfill.window import (
    WindowError,
    check_times,
    has_no_zone,
    is_known_zone,
    window,
    zone_of,
)
from magento_eventbridge.bridge.backfilling import BackfillOutcome, RunState, run_job
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.bridge.startup import run_loop, start_log
from magento_eventbridge.bridge.store_zone import store_zone
from magento_eventbridge.catalog import TranslationError
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, note, out, show_json
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.envelope import ConditionNotMetError, build_entry
from magento_eventbridge.magento.database import DatabaseOptions, database_options
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.similar_names import did_you_mean

NAME = "backfill"
EXAMPLE = "magento-eventbridge backfill orders --since 7d --dry-run --magento-root /var/www/html"

# EventBridge's prices: each started 64 KB of a custom event counts as one event.
_CHUNK_BYTES = 64 * 1024
_DOLLARS_PER_MILLION = 1.0
_SAMPLES = 3
_REPORTS_EVERY = 10.0
_NICENESS = 10

KindName = Annotated[
    str,
    typer.Argument(metavar="KIND", help=f"What to send: {', '.join(KINDS)}.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only what happened since: a date, a time, or an age such as 24h or 7d. Without a "
        "zone the store's is used.",
        show_default=False,
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Only what happened before that.", show_default=False),
]
StoreName = Annotated[
    str | None,
    typer.Option("--store", help="Only of this store view: code or ID.", show_default=False),
]
Rate = Annotated[float, typer.Option("--rate", min=0.1, max=1e9, help="Events a second, at most.")]
Replica = Annotated[
    str | None,
    typer.Option(
        "--replica",
        metavar="HOST:PORT",
        help="Read the store's tables from this copy of its database; a repair reads what it sends "
        "from the database itself.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Request:
    """The command's options, before they are compared with the store."""

    kind: Kind
    since: str | None
    until: str | None
    store: str | None
    status: str | None
    limit: int | None
    detail_type: str
    rate: float

    @property
    def name(self) -> dict[str, object]:
        """What makes two commands the same run."""
        return {
            "kind": self.kind.name,
            "since": self.since,
            "until": self.until,
            "store": self.store,
            "status": self.status,
            "limit": self.limit,
            "as": self.detail_type,
        }


def run(
    kind: KindName,
    since: Since = None,
    until: Until = None,
    store: StoreName = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only with this status now.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many.", show_default=False)
    ] = None,
    detail_type: Annotated[
        str | None,
        typer.Option("--as", help="Send as this detail-type, as OrderUpdated.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Send nothing: count, show three samples and the price."),
    ] = False,
    rate: Rate = 50.0,
    replica: Replica = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again, even if the same run was interrupted.")
    ] = False,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Send events of what the store's tables already hold.

    Each event has the time at which it happened and `"backfill": true` in its metadata; a second
    run repeats the same ids. Interrupted, the same command goes on where it was.
    """
    check_times(since, until)
    request = _request(kind, since, until, store, status, limit, detail_type, rate)
    settings, _ = settings_of(config, overrides, magento_root)
    start_log(settings)
    if not dry_run:
        record_action("began a backfill of %s", request.kind.name)
    yield_the_processor()
    code = run_loop(_run(settings, request, replica, dry_run, restart, as_json))
    if code:
        raise typer.Exit(code)


def yield_the_processor() -> None:
    """Let `serve` and the shop on this machine go first."""
    with suppress(OSError, AttributeError):  # AttributeError: not on Windows
        os.nice(_NICENESS)


def _request(
    kind: str,
    since: str | None,
    until: str | None,
    store: str | None,
    status: str | None,
    limit: int | None,
    detail_type: str | None,
    rate: float,
) -> Request:
    found = KINDS.get(kind)
    if found is None:
        similar = did_you_mean(kind, KINDS) or f"; there are {', '.join(KINDS)}"
        raise WindowError(f"there is nothing to backfill of '{kind}'{similar}")
    if status is not None and not found.status:
        raise WindowError(f"--status {status}: {kind} have no status")
    sent_as = found.created if detail_type is None else detail_type
    if sent_as not in found.detail_types:
        raise WindowError(f"--as {sent_as}: {kind} are sent as {' or '.join(found.detail_types)}")
    if not math.isfinite(rate):  # NaN passes the option's own limits
        raise WindowError(f"--rate {rate}: should be a number of events a second")
    return Request(found, since, until, store, status, limit, sent_as, rate)


async def _run(
    settings: Settings,
    request: Request,
    replica: str | None,
    dry_run: bool,
    restart: bool,
    as_json: bool,
) -> int:
    options = replica_options(database_options(settings.outbox), replica)
    tables = StoreTables(options, CurrentCatalog(settings).catalog.columns)
    try:
        selection = await select(settings, tables, request)
        job = Job(request.kind, request.detail_type, request.rate, request.limit)
        if dry_run:
            await _show_dry_run(settings, tables, job, selection, as_json)
            return 0
        return await _send(settings, tables, job, request, selection, restart, as_json)
    finally:
        await tables.close()


def replica_options(options: DatabaseOptions, replica: str | None) -> DatabaseOptions:
    """Return how to reach the copy of the database that is named, with the same login.

    Raises:
        WindowError: it is not HOST:PORT.
    """
    if replica is None:
        return options
    host, _, port = replica.rpartition(":") if ":" in replica else (replica, "", "3306")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise WindowError(f"--replica {replica}: should be HOST:PORT, as db-replica:3306")
    return replace(options, host=host.strip("[]"), port=int(port), unix_socket=None)


async def select(settings: Settings, tables: StoreTables, request: Request) -> Selection:
    """Compare the options with the store.

    Raises:
        WindowError: there is no such view or status, or the range is empty.
        DatabaseError: the store's tables cannot be read.
    """
    since, until = await read_window(settings, tables, request.since, request.until)
    view_id = await find_view(tables, request.store)
    status = ""
    if request.status is not None:
        statuses = await tables.statuses(request.kind)
        by_name = {name.lower(): value for value, name in statuses.items()}
        if request.status.lower() not in by_name:
            raise WindowError(
                f"--status {request.status}: the store has no such status; there are "
                f"{', '.join(sorted(statuses.values()))}"
            )
        status = by_name[request.status.lower()]
    return Selection(since, until, view_id, status)


async def read_window(
    settings: Settings, tables: StoreTables, since: str | None, until: str | None
) -> tuple[float | None, float | None]:
    """Read a time range; without a zone the store's is used, and named.

    Raises:
        WindowError: a bound cannot be read, or the range is empty.
    """
    name = await store_zone(settings, tables)
    if any(text and has_no_zone(text) for text in (since, until)):
        if is_known_zone(name):
            note(f"times without a zone are in the store's: {name}")
        else:
            note(f"times without a zone are in UTC: this system has no data of the store's, {name}")
    return window(since, until, zone_of(name), time.time())


async def find_view(tables: StoreTables, name: str | None) -> int | None:
    """Return the ID of a store view by its code or ID; None for none.

    Raises:
        WindowError: there is no such view.
    """
    if name is None:
        return None
    views = await tables.views()
    for view in views:
        if name in (view.code, str(view.id)):
            return view.id
    known = ", ".join(f"{view.code} ({view.id})" for view in views)
    raise WindowError(f"--store {name}: there is no such store view; there are {known}")


async def _count(tables: StoreTables, job: Job, selection: Selection) -> int:
    total = 0
    async for keys in tables.keys(job.kind, selection):
        total += len(keys)
    return min(total, job.limit) if job.limit else total


async def _show_dry_run(
    settings: Settings, tables: StoreTables, job: Job, selection: Selection, as_json: bool
) -> None:
    routes = Routes(settings, CurrentCatalog(settings).catalog)
    total = await _count(tables, job, selection)
    samples: list[Any] = []
    chunks: list[int] = []
    left_out: list[str] = []
    switched_off = 0
    async for keys in tables.keys(job.kind, selection):
        for rows in await tables.entities(job.kind, keys[: min(CHUNK, total)]):
            try:
                capture = job.capture(rows)
                route = routes(capture.view_id)
                event = route.catalog.event_of(capture)
                if event is None or not route.is_on(event):
                    switched_off += 1
                    continue
                entry = build_entry(capture, event, route)
            except ConditionNotMetError:
                switched_off += 1
                continue
            except (RowError, TranslationError) as error:
                left_out.append(f"{name_of(job.kind, rows)}: {error}")
                continue
            chunks.append(math.ceil(entry.size / _CHUNK_BYTES))
            if len(samples) < _SAMPLES:
                samples.append(
                    {"DetailType": entry.detail_type, "Detail": json.loads(entry.detail)}
                )
        if keys:
            break  # the first entities are enough for samples and size
    looked_at = len(chunks) + len(left_out) + switched_off
    billed = math.ceil(total * sum(chunks) / looked_at) if looked_at else 0
    result = {
        "count": total,
        "seconds": round(total / job.rate),
        "billed_events": billed,
        "price_in_dollars": round(billed * _DOLLARS_PER_MILLION / 1_000_000, 4),
        "samples": samples,
        "checked": looked_at,
        "switched_off": switched_off,
        "left_out": left_out,
    }
    if as_json:
        show_json(result)
        return
    out.print(f"{total} {job.kind.name} would be sent as {job.detail_type}: nothing was sent")
    out.print(f"time   about {_duration(total / job.rate)} at {job.rate:g} events a second")
    out.print(
        f"price  about {result['price_in_dollars']:.4f} USD: {billed} billed events (each started "
        f"64 KB counts), {_DOLLARS_PER_MILLION:g} USD a million"
    )
    if switched_off:
        out.print(
            f"{switched_off} of the first {looked_at} are switched off by the store's settings"
        )
    for line in left_out:
        out.print(f"cannot be sent: {line}")
    for sample in samples:
        out.print(msgspec.json.format(msgspec.json.encode(sample), indent=2).decode())


async def _send(
    settings: Settings,
    tables: StoreTables,
    job: Job,
    request: Request,
    selection: Selection,
    restart: bool,
    as_json: bool,
) -> int:
    place = "/".join(str(part) for part in database_options(settings.outbox).place)
    name = {"database": place, **request.name}
    progress = KeptProgress(backfill_file(settings), name, selection, restart=restart)
    try:
        if progress.is_resumed:
            note(f"resuming an interrupted run: {progress.passed} {job.kind.name} were settled")
        total = await _count(tables, job, progress.selection)
        with shown(total) as report:
            outcome = await run_job(settings, tables, job, progress, report)
    finally:
        progress.close()
    return _show(outcome, job, total, as_json)


def backfill_file(settings: Settings) -> Any:
    """Return the file of the progress of backfills."""
    return settings.spool.path.with_name("backfill.sqlite")


@contextmanager
def shown(total: int) -> Iterator[Any]:
    """Yield what reports the progress of so many: a bar on a terminal, else a line at times."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sending", total=total, rate="")

        def report(state: RunState) -> None:
            speed = bar.tasks[0].speed
            bar.update(
                task,
                completed=state.passed,
                description=_description(state),
                rate=f"{speed:.0f}/s" if speed else "",
            )

        yield report


def _description(state: RunState) -> str:
    if state.problem:
        return f"waiting: {state.problem}"
    return "live events first" if state.waits_for_live_events else "sending"


class _Lines:
    """Reports the progress in lines."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._reported = time.monotonic()
        self._first: int | None = None

    def __call__(self, state: RunState) -> None:
        """Report, if it is time."""
        now = time.monotonic()
        if self._first is None:
            self._first = state.passed
        if now - self._reported < _REPORTS_EVERY:
            return
        self._reported = now
        rate = (state.passed - self._first) / (now - self._began)
        left = f", {_duration((self._total - state.passed) / rate)} left" if rate else ""
        note(f"{_description(state)}: {state.passed} of {self._total}, {rate:.0f}/s{left}")


def _show(outcome: BackfillOutcome, job: Job, total: int, as_json: bool) -> int:
    if as_json:
        show_json(
            {
                "total": total,
                "sent": outcome.sent,
                "switched_off": outcome.switched_off,
                "left_out": [one._asdict() for one in outcome.left_out],
                "complete": outcome.is_complete,
            }
        )
    else:
        out.print(f"{outcome.sent} {job.kind.name} sent as {job.detail_type}")
        if outcome.switched_off:
            out.print(f"{outcome.switched_off} not sent: their event is switched off")
        for entity, reason in outcome.left_out:
            out.print(f"could not be sent: {entity}: {reason}")
        if more := outcome.left_out_count - len(outcome.left_out):
            out.print(f"{more} more could not be sent; all are in the progress file")
        if not outcome.is_complete:
            because = f" ({outcome.problem})" if outcome.problem else ""
            out.print(
                f"{outcome.passed} of {total} are settled{because}; run the same command to go on"
            )
    return 0 if outcome.is_complete and not outcome.left_out else 1


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
