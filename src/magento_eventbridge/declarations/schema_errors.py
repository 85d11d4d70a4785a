"""Explain in words why a declaration does not fit the schema."""

import re
from typing import Any

from magento_eventbridge.similar_names import most_similar

_PARTS = ("description", "on", "changed", "pattern", "field")
_REQUIRED = {"event": "name", "on": "event", "changed": "column", "field": "name, path and type"}
_TYPES = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "text": "string",
    "str": "string",
    "date": "string",
    "datetime": "string",
    "timestamp": "string",
    "json": "object",
    "list": "array",
}
_FORMS = {
    ("event", "name"): "letters, digits, '_', '.' and '-', at most 100, beginning with a letter",
    ("event", "subject"): "lower-case letters, digits and '_', at most 40, as product",
    ("on", "event"): "the name of a Magento event, as catalog_product_save_after",
    ("on", "object"): "a key of the event's data, as product",
    ("changed", "column"): "the name of a column, as special_price",
    ("field", "name"): "letters, digits and '_', at most 64, beginning with a letter",
}
_PATH = (
    "names with dots between, as customer.email; items[].sku is that of each item, payment.* all "
    "plain values of the payment"
)
_ATTRIBUTE = re.compile(r"attribute '([^']+)'")


def explain(error: Any, element: Any) -> str:
    """Return what is wrong with an element, and what to write instead.

    Args:
        error: an entry of lxml's log of the validation.
    """
    found = _ATTRIBUTE.search(error.message)
    attribute = found[1] if found else ""
    value = element.get(attribute, "") if attribute else ""
    match error.type_name:
        case "SCHEMAV_CVC_ENUMERATION_VALID":
            reason = f"{attribute} '{value}' must be one of {_choices(error.message, value)}"
        case "SCHEMAV_CVC_PATTERN_VALID" | "SCHEMAV_CVC_MAXLENGTH_VALID":
            reason = f"{attribute} '{value[:100]}' {_form(element.tag, attribute, value)}"
        case "SCHEMAV_CVC_COMPLEX_TYPE_4":
            reason = f"<{element.tag}> needs {_REQUIRED.get(element.tag, 'another attribute')}"
        case "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1":
            known = ", ".join(_attributes(element.tag))
            reason = f"<{element.tag}> has no attribute '{attribute}'; there are {known}"
        case "SCHEMAV_CVC_COMPLEX_TYPE_2_3":
            reason = f"<{element.tag}> must not have text of its own"
        case "SCHEMAV_ELEMENT_CONTENT":
            reason = _misplaced(element)
        case _:
            reason = str(error.message)
    return f"{_place(element)}{reason}"


def _place(element: Any) -> str:
    """Return which event and field an error is in."""
    event = next(iter(element.xpath("ancestor-or-self::event/@name")), None)
    field = element.get("name") if element.tag == "field" else None
    in_event = f"event '{event[:100]}': " if event and element.tag != "event" else ""
    return f"{in_event}field '{field[:100]}': " if field else in_event


def _choices(message: str, value: str) -> str:
    choices = re.findall(r"'([^']*)'", message.partition("{")[2])
    listed = ", ".join(choices)
    close = _TYPES.get(value.lower()) or most_similar(value, choices)
    return f"{listed}; did you mean '{close}'?" if close in choices else listed


def _form(tag: str, attribute: str, value: str) -> str:
    if attribute != "path":
        return f"must be {_FORMS.get((tag, attribute), 'of another form')}"
    if getter := re.search(r"get([A-Z]\w*)\(\)", value):
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", getter[1]).lower()
        return f"must be {_PATH}; for {getter[0]} write {name}"
    if re.search(r"\[\d+\]", value):
        return f"must be {_PATH}; a single member of an array cannot be named"
    if "*" in value:
        return f"must be {_PATH}; a wildcard can only be the end of a path"
    return f"must be {_PATH}"


def _attributes(tag: str) -> list[str]:
    known = {
        "event": ["name", "subject"],
        "on": ["event", "object", "save"],
        "changed": ["column"],
        "field": ["name", "path", "type"],
    }
    return known.get(tag, [])


def _misplaced(element: Any) -> str:
    parent = element.getparent()
    if parent is None or parent.tag == "config":
        return f"<config> has only <event>, not <{element.tag}>"
    if element.tag not in _PARTS:
        close = most_similar(element.tag, _PARTS)
        hint = f"; did you mean <{close}>?" if close else ""
        parts = ", ".join(f"<{part}>" for part in _PARTS)
        return f"<{element.tag}> is not a part of <{parent.tag}>, which has {parts}{hint}"
    if element.tag in ("description", "pattern") and len(parent.findall(element.tag)) > 1:
        return f"there can be only one <{element.tag}>"
    return f"<{element.tag}> is too late: the order is {', '.join(_PARTS)}"
