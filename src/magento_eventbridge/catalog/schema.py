"""JSON Schema of each event's detail, as consumers get it: with metadata and tracking."""

from typing import Any

from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.events.detail import Detail

DIALECT = "https://json-schema.org/draft/2020-12/schema"

COMMON = tuple(Detail.model_fields)
"""What every detail has besides the fields of its own event."""


def detail_schema(event: EventDefinition) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of an event's detail."""
    model = event.detail.model_json_schema(mode="serialization")
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


def fields(event: EventDefinition) -> list[tuple[str, str]]:
    """Give the names of an event's own fields and their JSON types, in order."""
    schema = detail_schema(event)
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
