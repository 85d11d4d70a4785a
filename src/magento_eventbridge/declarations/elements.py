"""Create the `<event>` element of a declaration from the options of a command."""

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree

_FIELD = re.compile(r"(?P<name>[^=]+)=(?P<path>[^:]+):(?P<type>\w+)")


def event(
    name: str,
    *,
    fields: Iterable[str] = (),
    on: Iterable[str] = (),
    data_object: str | None = None,
    save: str = "any",
    changed: Iterable[str] = (),
    pattern: str | None = None,
    subject: str | None = None,
    description: str = "",
) -> Any:
    """Return the element, with its parts in the order of the schema.

    Raises:
        ValueError: a field is not NAME=PATH:TYPE.
    """
    element = etree.Element("event", name=name)
    if subject:
        element.set("subject", subject)
    if description:
        etree.SubElement(element, "description").text = description
    for magento_event in on:
        trigger = etree.SubElement(element, "on", event=magento_event)
        if data_object:
            trigger.set("object", data_object)
        if save != "any":
            trigger.set("save", save)
    for column in changed:
        etree.SubElement(element, "changed", column=column)
    if pattern:
        etree.SubElement(element, "pattern").text = pattern
    for field in fields:
        parts = _FIELD.fullmatch(field)
        if not parts:
            raise ValueError(f"'{field}' must be NAME=PATH:TYPE, as price=price:number")
        etree.SubElement(element, "field", parts.groupdict())
    return element
