"""Schemas of the events for those who consume them, in the formats of their tools.

All are made of the events' classes, as EventBridge hands events to targets.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic.json_schema import models_json_schema

from magento_eventbridge import __version__
from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.catalog.event_classes import class_of
from magento_eventbridge.catalog.schema import DIALECT, at_level, model_schema

Json = dict[str, Any]

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z_.@-]")
_NOT_IN_A_FILES_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


@dataclass(frozen=True)
class Subject:
    """An event as one shop sends it.

    Attributes:
        event: its definition in the shop's catalog.
        sent: its detail-type on the bus.
        source: its source on the bus.
        level: how much its detail says.
        shares_name: another event is sent by the same detail-type.
    """

    event: EventDefinition
    sent: str
    source: str
    level: DetailLevel = "documented"
    shares_name: bool = False

    @property
    def name(self) -> str:
        """The detail-type, with the documented one if other events are sent by it too."""
        return f"{self.sent}-{self.event.detail_type}" if self.shares_name else self.sent

    @property
    def schema_name(self) -> str:
        """The name in a schema registry: as EventBridge names what it discovers."""
        return _NOT_IN_A_NAME.sub("-", f"{self.source}@{self.name}")

    @property
    def file_name(self) -> str:
        """The name of its file, whatever is in the detail-type."""
        return _NOT_IN_A_FILES_NAME.sub("-", f"{self.name}.json")


def json_schema(subject: Subject) -> Json:
    """Return the JSON Schema (2020-12) of an event."""
    schema = _event_schema(subject)
    return {"$schema": DIALECT, **schema, **_about(subject)}


def json_schema_draft_4(subject: Subject) -> Json:
    """Return the schema as a registry's type JSONSchemaDraft4 accepts it."""
    schema = _rewritten(_event_schema(subject), _to_draft_4)
    definitions = schema.pop("$defs")
    return {"$schema": _DRAFT_4, **schema, **_about(subject), "definitions": definitions}


def open_api_3(subject: Subject) -> Json:
    """Return the schema as a registry's type OpenApi3 accepts it, for code bindings."""
    plain = _event_schema(subject)
    schema = _rewritten(plain, partial(_to_open_api, models=plain["$defs"]))
    models = schema.pop("$defs")
    return {
        "openapi": "3.0.0",
        "info": {
            "title": subject.event.detail_type,
            "version": __version__,
            "description": subject.event.when,
        },
        "paths": {},
        # The first is the event itself: EventBridge names its root class AWSEvent.
        "components": {"schemas": {"AWSEvent": {**schema, **_about(subject)}, **models}},
    }


def async_api_3(
    subjects: list[Subject], *, bus: str, host: str, examples: Mapping[str, Json]
) -> Json:
    """Return one AsyncAPI 3 document of all events.

    Args:
        bus: the event bus's name or ARN.
        host: where its region's EventBridge answers.
        examples: an event for each detail-type by its name in the catalog.
    """
    classes = {subject.event.detail_type: class_of(subject.event) for subject in subjects}
    references, schema = models_json_schema(
        [(of, "serialization") for of in classes.values()],
        ref_template="#/components/schemas/{model}",
    )
    level = subjects[0].level if subjects else "documented"
    roots = {name: references[of, "serialization"]["$ref"] for name, of in classes.items()}
    models: Json = at_level(
        {**schema, "anyOf": [{"$ref": root} for root in roots.values()]}, level
    )["$defs"]
    for subject in subjects:
        root = roots[subject.event.detail_type].rpartition("/")[2]
        models[root]["properties"]["detail-type"]["const"] = subject.sent
    messages = {
        subject.event.detail_type: {
            "name": subject.sent,
            "title": subject.sent,
            "summary": subject.event.when,
            "contentType": "application/json",
            "payload": {"$ref": roots[subject.event.detail_type]},
            "examples": [{"payload": examples[subject.event.detail_type]}],
        }
        for subject in subjects
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of a Magento shop on Amazon EventBridge",
            "version": __version__,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"eventbridge": {"host": host, "protocol": "https"}},
        "channels": {
            "bus": {
                "address": bus,
                "title": "Event bus",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "title": "The shop puts its events on the bus",
                "channel": {"$ref": "#/channels/bus"},
            }
        },
        "components": {"messages": messages, "schemas": models},
    }


def _event_schema(subject: Subject) -> Json:
    schema = deepcopy(at_level(model_schema(class_of(subject.event)), subject.level))
    schema["properties"]["detail-type"]["const"] = subject.sent
    return schema


def _about(subject: Subject) -> Json:
    return {
        "x-amazon-events-detail-type": subject.sent,
        "x-amazon-events-source": subject.source,
    }


def _rewritten(value: Any, change: Callable[[Json], Json]) -> Any:
    """Change every schema within a schema, the inner ones first."""
    match value:
        case dict():
            return change({name: _rewritten(member, change) for name, member in value.items()})
        case list():
            return [_rewritten(member, change) for member in value]
        case _:
            return value


def _to_draft_4(schema: Json) -> Json:
    changed = dict(schema)
    if isinstance(changed.get("const"), str):  # a field may be named so, with a schema
        changed["enum"] = [changed.pop("const")]
    if isinstance(changed.get("$ref"), str):
        changed["$ref"] = changed["$ref"].replace("#/$defs/", "#/definitions/")
    return changed


def _to_open_api(schema: Json, models: Json) -> Json:
    """OpenAPI 3.0 knows no type null, no const, and nothing beside a reference.

    `nullable` counts only where the type stands, so a model that may be null is written out.
    Source: OpenAPI Specification 3.0.3, "Schema Object".
    """
    changed = _to_draft_4(schema)
    if isinstance(changed.get("$ref"), str):
        return {"$ref": changed["$ref"].replace("#/definitions/", "#/components/schemas/")}
    choices = changed.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return changed
    del changed["anyOf"]
    if changed.get("default", ...) is None:
        del changed["default"]
    (other,) = [choice for choice in choices if choice != {"type": "null"}]
    if "$ref" in other:
        model = models[other["$ref"].rpartition("/")[2]]
        other = _rewritten(model, partial(_to_open_api, models=models))
    return {**changed, **other, "nullable": True}
