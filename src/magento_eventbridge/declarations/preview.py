"""Show what a declaration would send, from captures of before."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError
from magento_eventbridge.catalog.declared import Declaration
from magento_eventbridge.catalog.snapshot import Json
from magento_eventbridge.declarations.catalogs import catalog_of

_NOT_THERE = object()


@dataclass
class Preview:
    """What a declaration would send.

    Attributes:
        captures: how many captures of its Magento events there were.
        left_out: how many of them its pattern leaves out.
        detail: that of the newest one that is sent; None if there is none.
        unknown: fields whose values those captures do not have.
    """

    captures: int = 0
    left_out: int = 0
    detail: Json | None = None
    unknown: set[str] = field(default_factory=set)


def preview(declaration: Declaration, texts: Iterable[str]) -> Preview:
    """Return what a declaration would make of captures, given as JSON texts, newest first.

    A capture has the values of the paths that were declared when it was taken, and the columns of
    its snapshot. `changed` and `save` are not applied: the agent decides by them.
    """
    catalog = catalog_of([declaration])
    event = catalog.by_name[declaration.name]
    is_own = declaration.name in catalog.own
    result = Preview()
    for text in texts:
        try:
            capture = read_capture(text)
            if is_own and capture.event.lower() not in event.magento_events:
                continue
            if not is_own and catalog.event_of(capture) is not event:
                continue
        except (InvalidCaptureError, TranslationError):
            continue
        values = {of.path: _value(capture, of.path) for of in declaration.fields}
        unknown = {path for path, value in values.items() if value is _NOT_THERE}
        paths = {path: None if path in unknown else value for path, value in values.items()}
        try:
            detail = event.detail_of(msgspec.structs.replace(capture, paths=paths))
        except TranslationError:
            continue
        result.captures += 1
        if not catalog.accepts(event, detail):
            result.left_out += 1
        elif result.detail is None:
            result.detail = detail
            result.unknown = {of.name for of in declaration.fields if of.path in unknown}
    return result


def _value(capture: Capture, path: str) -> Any:
    if path in capture.paths:
        return capture.paths[path]
    return _at(capture.snapshot, path.split("."))


def _at(value: Any, path: list[str]) -> Any:
    """Follow a path through a snapshot as the agent follows it through objects."""
    if not path:
        return value
    name, *rest = path
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return _NOT_THERE
    if not is_list:
        return _at(value[name], rest)
    members = value[name]
    if not isinstance(members, list):
        return _NOT_THERE
    values = [_at(member, rest) for member in members]
    return _NOT_THERE if _NOT_THERE in values else values
