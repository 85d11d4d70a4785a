"""JSON Schema of each event's detail, as consumers get it: with metadata and tracking."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from magento_eventbridge.catalog.detail import Metadata, Tracking
from magento_eventbridge.catalog.event import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def detail_schema(event: Event) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of an event's detail."""
    references, definitions = models_json_schema(
        [(model, "serialization") for model in (event.detail, Metadata, Tracking)],
        by_alias=True,
        ref_template="#/$defs/{model}",
    )
    shared = definitions["$defs"]
    own = shared.pop(event.detail.__name__)
    metadata = references[(Metadata, "serialization")]
    tracking = references[(Tracking, "serialization")]
    return {
        "$schema": DIALECT,
        "title": event.detail_type,
        "description": event.when,
        "type": "object",
        "properties": {**own.get("properties", {}), "metadata": metadata, "tracking": tracking},
        "required": [*own.get("required", []), "metadata"],
        "$defs": shared,
    }


def fields(event: Event) -> list[tuple[str, str]]:
    """Give the names of an event's fields and their JSON types, in order."""
    schema = TypeAdapter(event.detail).json_schema(by_alias=True, mode="serialization")
    required = schema.get("required", [])
    return [
        (name, _type(value) + ("" if name in required else ", not always there"))
        for name, value in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return "object"
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    return f"array of {_type(schema['items'])}s" if kind == "array" else kind
