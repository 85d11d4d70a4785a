"""The JSON Schema of each event's detail, with metadata and tracking."""

from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from magento_eventbridge.catalog.event import DetailLevel, EventDefinition
from magento_eventbridge.events.detail import FULL_ONLY, Detail

DIALECT = "https://json-schema.org/draft/2020-12/schema"

COMMON = tuple(Detail.model_fields)
"""The fields of every detail besides those of its event."""


def detail_schema(event: EventDefinition, level: DetailLevel = "documented") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an event's detail."""
    model = at_level(model_schema(event.detail), level)
    own, common = _parted(model["properties"])
    return {
        "$schema": DIALECT,
        "title": event.detail_type,
        "description": event.when,
        "type": "object",
        # `tracking` is absent, never null.
        "properties": own | common | {"tracking": {"$ref": "#/$defs/Tracking"}},
        "required": [*(name for name in model["required"] if name in own), "metadata"],
        "$defs": model["$defs"],
    }


# Bounded: declared events have new models each time that their file is read.
@lru_cache(maxsize=256)
def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of what a model writes; who changes it must copy it first."""
    return model.model_json_schema(mode="serialization")


def at_level(schema: dict[str, Any], level: DetailLevel) -> dict[str, Any]:
    """Return the schema of models as details of one level have them.

    Fields that only full details have are required there, and absent from documented ones.
    """
    models = {name: _at_level(of, level) for name, of in schema["$defs"].items()}
    changed = _at_level(schema, level)
    return {**changed, "$defs": _reachable(changed, models)}


def _at_level(model: dict[str, Any], level: DetailLevel) -> dict[str, Any]:
    properties = model.get("properties", {})
    additions = [name for name, of in properties.items() if of.get(FULL_ONLY)]
    if not additions:
        return dict(model)
    kept = {
        name: _without_marker(of) if name in additions else of
        for name, of in properties.items()
        if level == "full" or name not in additions
    }
    changed = {**model, "properties": kept}
    if level == "full":
        changed["required"] = [*model.get("required", []), *additions]
    return changed


def _without_marker(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: of for name, of in schema.items() if name not in (FULL_ONLY, "default")}


def _reachable(schema: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """Return the models that a schema refers to, also by way of one another."""
    names: set[str] = set()
    unread: list[Any] = [{name: of for name, of in schema.items() if name != "$defs"}]
    while unread:
        match unread.pop():
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                if name not in names:
                    names.add(name)
                    unread.append(models[name])
            case dict(members):
                unread.extend(members.values())
            case list(members):
                unread.extend(members)
    return {name: of for name, of in models.items() if name in names}


def fields(event: EventDefinition, level: DetailLevel = "documented") -> list[tuple[str, str]]:
    """Return the names of an event's own fields and their JSON types, in order."""
    schema = detail_schema(event, level)
    own, _ = _parted(schema["properties"])
    return [
        (name, _type(value) + ("" if name in schema["required"] else ", not always there"))
        for name, value in own.items()
    ]


def _parted(properties: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {name: of for name, of in properties.items() if name not in COMMON}
    return own, {name: of for name, of in properties.items() if name in COMMON}


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return "object"
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    return f"array of {_type(schema['items'])}s" if kind == "array" else kind
