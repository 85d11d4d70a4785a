"""`events`: show the catalog, declare own events and fields, find what was delivered."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.catalog.declared import Declaration, ShopCatalog
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.catalog.schema import detail_schema, fields
from magento_eventbridge.cli.options import (
    Config,
    MagentoRoot,
    Overrides,
    no_such_event,
    settings_of,
    sources_of,
    view_of,
)
from magento_eventbridge.cli.output import AsJson, note, out, show_json, table
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.declarations import exported, reading
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.journal.archive import Archive, JournalError
from magento_eventbridge.magento.agent.module import StoreFolder
from magento_eventbridge.settings.layers import load
from magento_eventbridge.settings.model import Settings

app = typer.Typer(
    help="Show the events, declare own ones, find what was delivered.", no_args_is_help=True
)


Detail = Annotated[DetailLevel, typer.Option("--detail", help="As the setting options.detail.")]
DetailType = Annotated[str, typer.Argument(metavar="DETAIL_TYPE", help="As OrderPlaced.")]


@app.command("list", epilog="Example: magento-eventbridge events list")
def list_events(
    as_json: AsJson = False, config: Config = None, magento_root: MagentoRoot = None
) -> None:
    """List all events with their settings and the Magento events they come from."""
    events = catalog_for(config, magento_root).events
    if as_json:
        show_json([_summary(event) for event in events])
        return
    rows = table("detail-type", "setting", "when")
    for event in events:
        rows.add_row(event.detail_type, event.config_path, event.when)
    out.print(rows, soft_wrap=False)


@app.command("show", epilog="Example: magento-eventbridge events show OrderPlaced")
def show(
    detail_type: DetailType,
    as_json: AsJson = False,
    detail: Detail = "documented",
    config: Config = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Show one event: when it is sent, its fields, its JSON Schema with --json."""
    event = _find(detail_type, catalog_for(config, magento_root))
    if as_json:
        show_json(
            _summary(event)
            | {
                "schema": detail_schema(event, detail),
                "sample": event.sample_at(detail),
            }
        )
        return
    out.print(f"{event.detail_type}: {event.when}\n")
    out.print(f"setting         {event.config_path}")
    out.print(f"Magento events  {', '.join(event.magento_events)}\n")
    rows = table("field", "type")
    for name, kind in fields(event, detail):
        rows.add_row(name, kind)
    more = ", version, subject" if detail == "full" else ""
    rows.add_row("metadata", f"object: id, date, timestamp, async{more}")
    rows.add_row("tracking", "object, when tracking is on")
    out.print(rows, soft_wrap=False)


@app.command("sample", epilog="Example: magento-eventbridge events sample OrderPlaced")
def sample(
    detail_type: DetailType,
    detail: Detail = "documented",
    envelope: Annotated[
        bool,
        typer.Option(
            "--envelope", help="The whole event, as a target receives it, for 'rules test'."
        ),
    ] = False,
    config: Config = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Print a sample of an event's detail as JSON."""
    event = _find(detail_type, catalog_for(config, magento_root))
    if envelope:
        settings, _ = settings_of(config, None, magento_root)
        catalog = CurrentCatalog(settings).catalog
        route = replace(settings.route(), detail=detail, catalog=catalog)
        show_json(sample_event(event.detail_type, route))
        return
    out.print(json.dumps(event.sample_at(detail), indent=2, ensure_ascii=False))


@app.command(
    "check", epilog="Example: magento-eventbridge events check --magento-root /var/www/html"
)
def check(magento_root: MagentoRoot = None, as_json: AsJson = False) -> None:
    """Check the shop's declarations; exit 1 if any is refused."""
    root = _root(magento_root)
    files = reading.files_of(root)
    declared = reading.read_files(files, root)
    if as_json:
        show_json(
            {
                "files": [str(file) for file in files],
                "events": [event.name for event in declared.events],
                "faults": [
                    {"file": fault.file, "line": fault.line, "reason": fault.reason}
                    for fault in declared.faults
                ],
            }
        )
    else:
        for fault in declared.faults:
            out.print(f"refused  {fault}")
        for event in declared.events:
            fields = ", ".join(f"{field.name} ({field.type})" for field in event.fields)
            out.print(f"ok       {event.name} ({event.place}): {fields or 'no fields'}")
        out.print(f"{len(files)} files, {len(declared.events)} events")
    if declared.faults:
        raise typer.Exit(1)


@app.command(
    "export", epilog="Example: magento-eventbridge events export declarations.json --magento-root ."
)
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    magento_root: MagentoRoot = None,
) -> None:
    """Write the shop's declarations to a file, for a bridge that cannot read the store's folder."""
    declared = reading.read_store(_root(magento_root))
    for fault in declared.faults:
        note(f"refused: {fault}")
    exported.write(file, declared.events)
    out.print(f"{file}: {len(declared.events)} events")


@app.command(
    "generate",
    epilog="Example: magento-eventbridge events generate shop_events.py shop-events.d.ts "
    "--magento-root /var/www/html",
)
def generate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Written as Python (.py) or .ts.")
    ],
    store: Annotated[
        int, typer.Option("--store", min=0, help="A store view's ID, for its detail-types.")
    ] = 0,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Write typed classes of the shop's events, for consumers in Python and TypeScript."""
    unknown = [str(file) for file in files if file.suffix not in (".py", ".ts")]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: the name must end in .py or .ts")
    settings = load(sources_of(config, overrides, magento_root)[0])[0]
    catalog = CurrentCatalog(settings).catalog
    if not catalog.is_known:
        note("without the store's folder or a declarations_file, only documented events are known")
    sent = view_of(settings, store).route().detail_types
    from magento_eventbridge.provisioning import python_code, typescript_code

    for file in files:
        is_python = file.suffix == ".py"
        text = (python_code.module if is_python else typescript_code.declarations)(catalog, sent)
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise typer.BadParameter(f"cannot write {file}: {error.strerror}") from None
        out.print(f"{file}: {len(catalog.events)} events, {len(catalog.own)} of the shop's own")


@app.command(
    "subscribe",
    epilog="Example: magento-eventbridge events subscribe ProductPriceChanged "
    "--on catalog_product_save_after --object product --changed price "
    "--field sku=sku:string --field price=price:number --magento-root /var/www/html",
)
def subscribe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The detail-type.")],
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=PATH:TYPE", help="A field; may be repeated."),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="EVENT", help="A Magento event; not for documented ones."),
    ] = None,
    data_object: Annotated[
        str | None, typer.Option("--object", help="The key of the object in the event's data.")
    ] = None,
    save: Annotated[
        Literal["any", "created", "updated"], typer.Option("--save", help="Only such saves.")
    ] = "any",
    changed: Annotated[
        list[str] | None,
        typer.Option("--changed", metavar="COLUMN", help="Only if one of these changed."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", metavar="JSON", help="A pattern over the detail.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Keeps the order of one object's events.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="When it is sent.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and preview it; change no file.")
    ] = False,
    config: Config = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Declare an own event, or fields for a documented one, in app/etc/eventbridge_events.xml.

    Fields are added to those that the file declares for it; other parts replace them.

    Shows what it would send, from the last captures in the journal.
    """
    root = _root(magento_root)
    from magento_eventbridge.declarations import editing, elements

    try:
        event = elements.event(
            name,
            fields=fields or (),
            on=on or (),
            data_object=data_object,
            save=save,
            changed=changed or (),
            pattern=pattern,
            subject=subject,
            description=description,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    declared = editing.subscribe(root, event, dry_run=dry_run)
    _show_preview(declared, load(sources_of(config, None, magento_root)[0])[0])
    if dry_run:
        out.print(f"{root / reading.SHOPS_OWN} is not changed")
        return
    out.print(f"{root / reading.SHOPS_OWN} declares {declared.name}")
    out.print(_REMINDER)


@app.command(
    "unsubscribe",
    epilog="Example: magento-eventbridge events unsubscribe ProductPriceChanged --magento-root .",
)
def unsubscribe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The detail-type.")],
    magento_root: MagentoRoot = None,
) -> None:
    """Remove a declaration from app/etc/eventbridge_events.xml."""
    root = _root(magento_root)
    from magento_eventbridge.declarations import editing

    editing.unsubscribe(root, name)
    out.print(f"{root / reading.SHOPS_OWN} does not declare {name} any more")
    out.print(_REMINDER)


_REMINDER = "Now run 'bin/magento cache:clean config' in the shop; the bridge follows by itself."


_PREVIEWED = 1_000
"""How many of the last captures a preview reads."""


def _show_preview(declared: Declaration, settings: Settings) -> None:
    from magento_eventbridge.declarations.preview import preview

    shown = preview(declared, _last_captures(settings))
    if not shown.captures:
        sample = catalog_of([declared]).by_name[declared.name].sample
        out.print("the journal has no capture that it could come from; its detail looks like this:")
        out.print(json.dumps(sample, indent=2, ensure_ascii=False))
        return
    sent = shown.captures - shown.left_out
    out.print(
        f"of the last {shown.captures} captures that it could come from, {sent} would be sent"
    )
    if shown.left_out:
        out.print(f"its pattern leaves out {shown.left_out}")
    if shown.detail is not None:
        out.print(json.dumps(shown.detail, indent=2, ensure_ascii=False))
    if shown.unknown:
        names = ", ".join(sorted(shown.unknown))
        out.print(f"not in those captures, so null here: {names}")


def _last_captures(settings: Settings) -> list[str]:
    if settings.journal_file is None:
        return []
    try:
        return asyncio.run(Archive(settings.journal_file).last_captures(_PREVIEWED))
    except JournalError as error:
        note(str(error))
        return []


def catalog_for(config: Path | None, magento_root: Path | None) -> ShopCatalog:
    """Return the shop's catalog, as the settings name its folder or its exported file."""
    settings = load(sources_of(config, None, magento_root)[0])[0]
    return CurrentCatalog(settings).catalog


def _root(magento_root: Path | None) -> Path:
    if magento_root is None:
        raise typer.BadParameter("name the store's folder: --magento-root /var/www/html")
    return StoreFolder(magento_root).root


def _find(detail_type: str, catalog: ShopCatalog) -> EventDefinition:
    event = catalog.by_name.get(detail_type)
    if event is None:
        raise no_such_event(detail_type, catalog.by_name)
    return event


def _summary(event: EventDefinition) -> dict[str, object]:
    return {
        "detailType": event.detail_type,
        "scope": event.scope,
        "configPath": event.config_path,
        "magentoEvents": list(event.magento_events),
        "when": event.when,
    }


@app.command("find", epilog="Example: magento-eventbridge events find 000000123")
def find(
    order: Annotated[
        str | None, typer.Argument(metavar="ORDER", help="The order's number.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="All events settled since: a date or time (UTC), or an age such as 24h.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until when; else now.", show_default=False)
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """List what was delivered about an order and its documents, or in a time range."""
    from magento_eventbridge.backfill.window import WindowError, window
    from magento_eventbridge.ledger.archive import LedgerArchive, LedgerError

    if (order is None) == (since is None and until is None):
        raise WindowError("name an order, or a time range with --since and --until, and not both")
    first, last = window(since, until, UTC, time.time())
    settings, _ = settings_of(config, overrides, magento_root)
    file = settings.ledger_file
    if file is None:
        raise LedgerError("no ledger is kept: see the settings ledger.enabled and outbox.enabled")
    archive = LedgerArchive([file, *settings.audit.ledgers])
    if order is not None:
        entries = archive.of_order(order)
    else:
        entries = archive.between(first or 0.0, time.time() if last is None else last)
    found = sorted(entries, key=lambda one: one.id)
    lines = [
        {
            "detail_type": one.detail_type,
            "entity_id": one.entity,
            "id": one.id,
            "store_id": one.view_id,
            "outcome": one.verdict,
            "settled_at": datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        }
        for one in found
    ]
    if as_json:
        show_json(lines)
    elif not lines:
        what = f"about the order {order}" if order else "of that time"
        out.print(f"The ledger has nothing {what}.")
    else:
        rows = table(
            "detail-type", "entity ID", "event ID", "store view", "verdict", "settled (UTC)"
        )
        for line in lines:
            rows.add_row(*line.values())
        out.print(rows, soft_wrap=False)
    if not lines:
        raise typer.Exit(1)
