"""Captures of the recorded store day, to test with and to vary."""

import json
from functools import cache
from typing import Any

from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import EventDefinition, event_of
from magento_eventbridge.demo import store_day

Json = dict[str, Any]


@cache
def store_day_captures() -> tuple[tuple[str, Capture], ...]:
    """Give each capture of the day with the action that it was part of."""
    return tuple((told.action, read_capture(told.line)) for told in store_day.captures())


def recorded(action: str, event: str, number: int = 0) -> Capture:
    """Give the capture of a Magento event in an action; `number` counts from 0, -1 is the last."""
    found = [
        capture
        for name, capture in store_day_captures()
        if name == action and capture.event == event
    ]
    return found[number]


_FIELDS = (
    "version",
    "id",
    "event",
    "time",
    "area",
    "view_id",
    "subject",
    "queued",
    "is_new",
    "original",
    "snapshot",
    "context",
    "view",
    "declared",
    "paths",
)


def varied(capture: Capture, *, snapshot: Json | None = None, **fields: Any) -> Capture:
    """Give a capture with other values, those of its snapshot one by one."""
    values: Json = {name: getattr(capture, name) for name in _FIELDS}
    return Capture(**{**values, "snapshot": {**capture.snapshot, **(snapshot or {})}, **fields})


def without(capture: Capture, *names: str) -> Capture:
    """Give a capture whose snapshot lacks some fields."""
    bare: Json = {name: getattr(capture, name) for name in _FIELDS}
    left = {name: value for name, value in capture.snapshot.items() if name not in names}
    return Capture(**{**bare, "snapshot": left})


def meaning(capture: Capture) -> EventDefinition:
    """Give the documented event that a capture means."""
    event = event_of(capture)
    assert event is not None, f"{capture.event} means nothing"
    return event


def detail(capture: Capture) -> Json:
    """Give the detail that comes of a capture, as consumers read it."""
    shown: Json = json.loads(json.dumps(meaning(capture).detail_of(capture)))
    return shown
