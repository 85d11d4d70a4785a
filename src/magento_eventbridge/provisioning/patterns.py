"""Event patterns of rules: created from fields and values, checked against the events' schemas.

AWS accepts a pattern with a misspelt field and never matches it; here that is a fault.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.provisioning.pattern_syntax import (
    TEXT_OPERATORS,
    check_text,
    length_faults,
    operator_faults,
    parsed,
)
from magento_eventbridge.similar_names import did_you_mean

Json = dict[str, Any]

_ENVELOPE = frozenset(
    {"account", "detail", "detail-type", "id", "region", "replay-name", "resources", "source"}
    | {"time", "version"}
)
# Longest first: what begins with another one must be tried before it.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FILTER = re.compile(
    r"(?P<field>[\w.-]+?)(?P<operator>!\^=|!\?|\?|!=|\^=|\$=|~=|>=|<=|=|>|<)(?P<value>.*)", re.S
)


class PatternError(ValueError):
    """A pattern that AWS refuses or that can never match; the message names each fault."""


@dataclass(frozen=True)
class Known:
    """An event under the name that it is sent by, with what its detail may hold."""

    name: str
    schema: Json


def known(event: EventDefinition, name: str, level: DetailLevel = "documented") -> Known:
    """Return an event as patterns know it."""
    return Known(name, detail_schema(event, level))


def make(
    sources: Iterable[str],
    events: list[Known],
    *,
    filters: Iterable[str] = (),
    any_of: Iterable[str] = (),
) -> Json:
    """Return the pattern that matches events of these sources whose details pass all filters.

    A filter is a field, an operator and a value: `sku=A` (equal), `sku!=A` (anything but),
    `sku^=A` (prefix), `sku!^=A` (anything but the prefix), `sku$=A` (suffix), `sku~=A*B`
    (wildcard), `total>=100` (also `>`, `<=`, `<`), `coupon?` (exists), `coupon!?` (does not).
    Filters of one field are alternatives, but bounds of a number hold together. A field within
    another one, or within the objects of an array, is `billingAddress.country`, `items.sku`.

    Args:
        any_of: filters of which one is enough: `$or`.

    Raises:
        PatternError: a filter cannot be read, or its field or value is none of these events'.
    """
    pattern: Json = {
        "source": list(dict.fromkeys(sources)),
        "detail-type": [event.name for event in events],
    }
    detail: Json = {}
    for filter_text in filters:
        _add(detail, *_read(filter_text, events))
    alternatives = []
    for filter_text in any_of:
        alternative: Json = {}
        _add(alternative, *_read(filter_text, events))
        alternatives.append(alternative)
    if len(alternatives) == 1:
        raise PatternError("$or: needs two or more alternatives")
    if alternatives:
        detail["$or"] = alternatives
    if detail:
        pattern["detail"] = detail
    check(pattern, events)
    return pattern


def _read(filter_text: str, events: list[Known]) -> tuple[str, Any]:
    try:
        check_text(filter_text)
    except ValueError as error:
        raise PatternError(f"{filter_text!a}: {error}") from None
    match = _FILTER.fullmatch(filter_text)
    if not match:
        raise PatternError(
            f"'{filter_text}': must be a field, an operator and a value, as sku=WJ12-S-Blue"
        )
    field, operator, text = match["field"], match["operator"], match["value"]
    match operator:
        case "?" | "!?":
            if text:
                raise PatternError(f"'{filter_text}': nothing comes after {operator}")
            return field, {"exists": operator == "?"}
        case "=":
            return field, _typed(field, text, events)
        case "!=":
            return field, {"anything-but": [_typed(field, text, events)]}
        case "^=":
            return field, {"prefix": text}
        case "!^=":
            return field, {"anything-but": {"prefix": text}}
        case "$=":
            return field, {"suffix": text}
        case "~=":
            return field, {"wildcard": text}
        case _:
            return field, {"numeric": [operator, _number(field, text)]}


def _typed(field: str, text: str, events: list[Known]) -> Any:
    """Read a value as the type that the field has."""
    schemas = [
        choice for event in events for choice in _at(event.schema, event.schema, field.split("."))
    ]
    types = {schema.get("type") for schema in schemas}
    if "null" in types and text == "null":
        return None
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if types & {"number", "integer"} and "string" not in types:
        return _number(field, text)
    return text


def _number(field: str, text: str) -> int | float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise PatternError(f"detail.{field}: '{text}' is no number")
    return int(number) if number.is_integer() else number


def _add(detail: Json, field: str, condition: Any) -> None:
    *groups, name = field.split(".")
    at: Any = detail
    for group in groups:
        at = at.setdefault(group, {}) if isinstance(at, dict) else at
    conditions = at.setdefault(name, []) if isinstance(at, dict) else None
    if not isinstance(conditions, list):
        raise PatternError(f"detail.{field}: is a value in one filter and an object in another")
    match condition, conditions:
        case {"numeric": bound}, [{"numeric": bounds}]:
            bounds.extend(bound)
            # AWS accepts a range with the lower bound first only.
            if len(bounds) == 4 and bounds[0].startswith("<"):
                bounds[:] = bounds[2:] + bounds[:2]
        case {"anything-but": [other]}, [{"anything-but": [*_] as others}]:
            others.append(other)
        case _:
            conditions.append(condition)


def read(text: str) -> Json:
    """Read a pattern from JSON.

    Raises:
        PatternError: it is not JSON, or no object.
    """
    try:
        pattern = parsed(text)
    except ValueError as error:
        raise PatternError(f"the pattern is not JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise PatternError("the pattern is no JSON object")
    return pattern


def check(pattern: Mapping[str, Any], events: list[Known]) -> None:
    """Check for what AWS refuses and for what can match none of the events.

    Args:
        events: those that a rule may get; the pattern's detail-type picks some of them.

    Raises:
        PatternError: with every fault.
    """
    faults = [*length_faults(pattern), *_envelope_faults(pattern)]
    if not faults:
        faults += _content_faults(pattern, [], events)
    if faults:
        raise PatternError("\n".join(dict.fromkeys(faults)))


def _content_faults(
    pattern: Mapping[str, Any], named: list[Known], events: list[Known]
) -> Iterator[str]:
    """Check detail-types and details, also those of the alternatives in `$or`.

    Args:
        named: the events that the pattern around it names.
    """
    here, unknown = _named(pattern.get("detail-type"), events)
    yield from unknown
    named = here or named
    if isinstance(pattern.get("detail"), dict):
        yield from _detail_faults(pattern["detail"], named, events)
    for choice in pattern.get("$or", []):
        yield from _content_faults(choice, named, events)


def _envelope_faults(pattern: Mapping[str, Any]) -> Iterator[str]:
    if not pattern:
        yield "the pattern is empty: it would match every event of the bus"
    for name, value in pattern.items():
        if name == "$or":
            yield from _or_faults(value)
        elif name not in _ENVELOPE:
            yield f"{name}: an event has no such field{did_you_mean(name, _ENVELOPE)}"
        elif name == "detail":
            if not isinstance(value, dict) or not value:
                yield "detail: must be an object with fields"
        elif isinstance(value, list):
            yield from _condition_faults(name, value, {"type": "string"})
        else:
            yield f"{name}: must be an array"


def _or_faults(choices: Any) -> Iterator[str]:
    if (
        not isinstance(choices, list)
        or len(choices) < 2
        or not all(isinstance(choice, dict) and choice for choice in choices)
    ):
        yield "$or: must be an array of two or more objects"
        return
    for choice in choices:
        yield from _envelope_faults(choice)


def _named(wanted: Any, events: list[Known]) -> tuple[list[Known], list[str]]:
    """Return the events that a pattern names; none if it has operators."""
    if not isinstance(wanted, list):
        return [], []
    by_name = {event.name: event for event in events}
    names = [name for name in wanted if isinstance(name, str)]
    unknown = [
        f"detail-type: no event is sent as '{name}'{did_you_mean(name, by_name)}"
        for name in names
        if name not in by_name
    ]
    return [by_name[name] for name in names if name in by_name], unknown


def _detail_faults(detail: Json, named: list[Known], events: list[Known]) -> list[str]:
    """Return the faults for each event that is named; for any event, those where it fits best."""
    each = [
        list(_object_faults(detail, event, event.schema, "detail")) for event in named or events
    ]
    if named:
        return [fault for faults in each for fault in faults]
    # The event that was meant has the fewest faults, and names that are similar to the wrong ones.
    return min(each, key=lambda faults: (len(faults), -"".join(faults).count("did you mean")))


def _object_faults(pattern: Json, event: Known, schema: Json, at: str) -> Iterator[str]:
    for name, value in pattern.items():
        if name == "$or":
            if (
                not isinstance(value, list)
                or len(value) < 2
                or not all(isinstance(choice, dict) and choice for choice in value)
            ):
                yield f"{at}.$or: must be an array of two or more objects"
                continue
            for choice in value:
                yield from _object_faults(choice, event, schema, at)
            continue
        schemas = list(_at(schema, event.schema, [name]))
        if not schemas:
            fields = [f for s in _objects(schema, event.schema) for f in s.get("properties", {})]
            yield f"{at}.{name}: {event.name} has no such field{did_you_mean(name, fields)}"
        elif isinstance(value, dict):
            inner = next((s for s in schemas if _may_be_object(s)), None)
            if not value:
                yield f"{at}.{name}: an empty object matches nothing, AWS refuses it"
            elif inner is None:
                yield f"{at}.{name}: is no object in {event.name}; must be an array of values"
            else:
                yield from _object_faults(value, event, inner, f"{at}.{name}")
        elif isinstance(value, list):
            yield from _field_faults(f"{at}.{name}", value, schemas, event)
        else:
            yield f"{at}.{name}: must be an array of values, as [{json.dumps(value)}]"


def _field_faults(
    at: str, conditions: list[Any], schemas: list[Json], event: Known
) -> Iterator[str]:
    leaves = [schema for schema in schemas if schema.get("type") != "object"]
    asks_existence = any(isinstance(c, dict) and "exists" in c for c in conditions)
    if not leaves or (asks_existence and len(leaves) < len(schemas)):
        leaf = _leaf(schemas, event.schema)
        example = f", as {at.removeprefix('detail.')}.{leaf}" if leaf else ""
        if asks_existence:
            yield (
                f"{at}: is an object in {event.name}, and EventBridge looks for the existence of "
                f"values only: name a field in it{example}"
            )
        else:
            yield f"{at}: is an object in {event.name}: match its fields{example}"
        return
    joined: Json = {"type": {schema.get("type") for schema in leaves}}
    enums = [schema["enum"] for schema in leaves if "enum" in schema]
    if enums:
        joined["enum"] = [value for enum in enums for value in enum]
        joined["enum"] += [None] if "null" in joined["type"] else []
    yield from _condition_faults(at, conditions, joined)


def _leaf(schemas: list[Json], root: Json) -> str:
    """Return the path to the first value in an object that always has it, else to any value."""
    for schema in schemas:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        for name in sorted(properties, key=lambda name: name not in required):
            choices = list(_choices(properties[name], root))
            if any(choice.get("type") != "object" for choice in choices):
                return str(name)
            if inner := _leaf(choices, root):
                return f"{name}.{inner}"
    return ""


def _condition_faults(at: str, conditions: list[Any], schema: Json) -> Iterator[str]:
    if not conditions:
        yield f"{at}: an empty array matches nothing, AWS refuses it"
    for condition in conditions:
        if isinstance(condition, dict):
            yield from _operator_faults(at, condition, schema)
        else:
            yield from _value_faults(at, condition, schema)


_TYPES = {bool: {"boolean"}, int: {"number", "integer"}, float: {"number"}, str: {"string"}}


def _value_faults(at: str, value: Any, schema: Json) -> Iterator[str]:
    types = schema["type"] if isinstance(schema["type"], set) else {schema["type"]}
    wanted = {"null"} if value is None else _TYPES.get(type(value), set())
    if not wanted:
        yield f"{at}: {json.dumps(value)} is no value to match"
    elif None not in types and not wanted & types:
        yield f"{at}: {json.dumps(value)} can never match: it is {' or '.join(sorted(types))}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{at}: {value} is no number that EventBridge can compare"
    elif isinstance(value, float) and value.is_integer():
        # EventBridge compares numbers as they are written; docs/decisions/0005-numbers.md.
        yield f"{at}: {value} never matches: write {int(value)}, as the bridge does"
    elif "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(choice) for choice in schema["enum"])
        yield f"{at}: is never {json.dumps(value)}; it is one of {allowed}"


def _operator_faults(at: str, condition: Json, schema: Json) -> Iterator[str]:
    faults = list(operator_faults(at, condition))
    yield from faults
    if faults:
        return
    ((operator, operand),) = condition.items()
    types = schema["type"] if isinstance(schema["type"], set) else {schema["type"]}
    match operator:
        case "numeric" if not types & {"number", "integer", None}:
            yield f"{at}: numeric is for numbers, this is {' or '.join(sorted(types))}"
        case "anything-but" if not isinstance(operand, dict):
            for value in operand if isinstance(operand, list) else [operand]:
                yield from _value_faults(at, value, schema)
        case "anything-but":
            yield from _text_type_faults(at, next(iter(operand)), types)
        case _ if operator in TEXT_OPERATORS | {"cidr"}:
            yield from _text_type_faults(at, operator, types)


def _text_type_faults(at: str, operator: str, types: set[Any]) -> Iterator[str]:
    if not types & {"string", None}:
        yield f"{at}: {operator} is for text, this is {' or '.join(sorted(types))}"


def _at(schema: Json, root: Json, path: list[str]) -> Iterator[Json]:
    """Return the schemas that a field may have, seen through references and arrays."""
    name, *rest = path
    for group in _objects(schema, root):
        if name in group.get("properties", {}):
            inner = group["properties"][name]
            if rest:
                yield from _at(inner, root, rest)
            else:
                yield from _choices(inner, root)
        elif "properties" not in group or group.get("additionalProperties"):
            yield {}  # an object whose fields nobody knows


def _objects(schema: Json, root: Json) -> Iterator[Json]:
    for choice in _choices(schema, root):
        if _may_be_object(choice):
            yield choice


def _may_be_object(schema: Json) -> bool:
    return schema.get("type", "object") == "object" and "enum" not in schema


def _choices(schema: Json, root: Json) -> Iterator[Json]:
    if "$ref" in schema:
        yield from _choices(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    elif "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _choices(choice, root)
    elif schema.get("type") == "array":
        yield from _choices(schema["items"], root)
    else:
        yield schema
