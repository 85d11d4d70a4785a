"""`schemas`: write the events' schemas to files, and publish them in a schema registry."""

import json
from collections import Counter
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from magento_eventbridge.aws.clients import Clients
from magento_eventbridge.aws.endpoints import eventbridge_endpoint
from magento_eventbridge.cli.aws_changes import make
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of, view_of
from magento_eventbridge.cli.output import out
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.errors import cause
from magento_eventbridge.provisioning import registry, schemas, typescript_code
from magento_eventbridge.provisioning.schemas import Subject
from magento_eventbridge.settings.model import Settings

app = typer.Typer(help="Export and publish schemas of the events.", no_args_is_help=True)


class SchemaFormat(StrEnum):
    """The formats of schema files."""

    JSONSCHEMA = "jsonschema"
    DRAFT4 = "jsonschema-draft4"
    OPENAPI3 = "openapi3"
    ASYNCAPI3 = "asyncapi3"
    TYPESCRIPT = "typescript"


class RegistryFormat(StrEnum):
    """The formats that a registry accepts."""

    OPENAPI3 = "openapi3"
    DRAFT4 = "jsonschema-draft4"


_TYPES: dict[RegistryFormat, registry.SchemaType] = {
    RegistryFormat.OPENAPI3: "OpenApi3",
    RegistryFormat.DRAFT4: "JSONSchemaDraft4",
}

Store = Annotated[
    int, typer.Option("--store", min=0, help="A store view's id, for its source and names.")
]


@app.command("export", epilog="Example: magento-eventbridge schemas export schemas/")
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder; created if needed.")],
    formats: Annotated[
        list[SchemaFormat] | None,
        typer.Option("--format", help="Only this format; may be repeated."),
    ] = None,
    store: Store = 0,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Write the schemas of all events, own ones too, and print the files' names."""
    settings, _ = settings_of(config, overrides, magento_root)
    route = _route(settings, store)
    try:
        for style in formats or list(SchemaFormat):
            for name, text in _texts(style, route).items():
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                out.print(str(file))
    except OSError as error:
        raise typer.BadParameter(f"cannot write to {folder}: {cause(error)}") from None


@app.command("publish", epilog="Example: magento-eventbridge schemas publish shop-events --dry-run")
def publish(
    name: Annotated[
        str, typer.Argument(metavar="REGISTRY", help="The registry's name; created if needed.")
    ] = "magento-eventbridge",
    style: Annotated[
        RegistryFormat, typer.Option("--format", help="Format of the schemas.")
    ] = RegistryFormat.OPENAPI3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    store: Store = 0,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Create the schemas of events that are on in a registry, or update those that differ."""
    settings, _ = settings_of(config, overrides, magento_root)
    route = _route(settings, store)
    subjects = [subject for subject in _subjects(route) if route.is_on(subject.event)]
    planned = registry.changes(Clients(route.destination), name, subjects, _TYPES[style])
    if not make(planned, settings, dry_run=dry_run):
        out.print(f"registry {name} has all {len(subjects)} schemas; nothing to do")


def _route(settings: Settings, store: int) -> Route:
    return replace(view_of(settings, store).route(), catalog=CurrentCatalog(settings).catalog)


def _subjects(route: Route) -> list[Subject]:
    subjects = [
        Subject(event, route.detail_type(event.detail_type), route.source, route.detail)
        for event in route.catalog.events
    ]
    # Names that differ only in what a registry or a file system replaces are one name there.
    count = Counter(subject.schema_name for subject in subjects)
    return [replace(each, shares_name=count[each.schema_name] > 1) for each in subjects]


def _texts(style: SchemaFormat, route: Route) -> dict[str, str]:
    """Return the files of a format by name."""
    subjects = _subjects(route)
    match style:
        case SchemaFormat.TYPESCRIPT:
            return {"events.d.ts": typescript_code.declarations(route.catalog)}
        case SchemaFormat.ASYNCAPI3:
            document = schemas.async_api_3(
                subjects,
                bus=route.destination.event_bus or "default",
                host=urlsplit(eventbridge_endpoint(route.destination.region)).netloc,
                examples={
                    subject.event.detail_type: sample_event(subject.event.detail_type, route)
                    for subject in subjects
                },
            )
            return {"asyncapi.json": _text(document)}
    write = {
        SchemaFormat.JSONSCHEMA: schemas.json_schema,
        SchemaFormat.DRAFT4: schemas.json_schema_draft_4,
        SchemaFormat.OPENAPI3: schemas.open_api_3,
    }[style]
    return {f"{style}/{subject.file_name}": _text(write(subject)) for subject in subjects}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
