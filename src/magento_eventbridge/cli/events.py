"""`events`: list and show the events of the catalog."""

import json
from typing import Annotated

import typer

from magento_eventbridge.catalog import BY_DETAIL_TYPE, EVENTS, EventDefinition
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.catalog.schema import detail_schema, fields
from magento_eventbridge.cli.output import AsJson, out, show_json, table

app = typer.Typer(help="Show the events that reach the bus.", no_args_is_help=True)


Detail = Annotated[DetailLevel, typer.Option("--detail", help="As the setting options.detail.")]
DetailType = Annotated[str, typer.Argument(metavar="DETAIL_TYPE", help="As OrderPlaced.")]


@app.command("list", epilog="Example: magento-eventbridge events list")
def list_events(as_json: AsJson = False) -> None:
    """List all events with their settings and the Magento events they come from."""
    if as_json:
        show_json([_summary(event) for event in EVENTS])
        return
    rows = table("detail-type", "setting", "when")
    for event in EVENTS:
        rows.add_row(event.detail_type, event.config_path, event.when)
    out.print(rows, soft_wrap=False)


@app.command("show", epilog="Example: magento-eventbridge events show OrderPlaced")
def show(detail_type: DetailType, as_json: AsJson = False, detail: Detail = "documented") -> None:
    """Show one event: when it is sent, its fields, its JSON Schema with --json."""
    event = _find(detail_type)
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
def sample(detail_type: DetailType, detail: Detail = "documented") -> None:
    """Print a sample of an event's detail as JSON."""
    out.print(json.dumps(_find(detail_type).sample_at(detail), indent=2, ensure_ascii=False))


def _find(detail_type: str) -> EventDefinition:
    event = BY_DETAIL_TYPE.get(detail_type)
    if event is None:
        alike = [name for name in BY_DETAIL_TYPE if name.lower() == detail_type.lower()]
        hint = f" Did you mean {alike[0]}?" if alike else " 'events list' lists all."
        raise typer.BadParameter(f"there is no event '{detail_type}'.{hint}")
    return event


def _summary(event: EventDefinition) -> dict[str, object]:
    return {
        "detailType": event.detail_type,
        "scope": event.scope,
        "configPath": event.config_path,
        "magentoEvents": list(event.magento_events),
        "when": event.when,
    }
