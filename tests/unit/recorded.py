"""Captures of the recorded store day, and variations of them."""

import json
from functools import cache
from typing import Any

from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import EventDefinition, event_of
from magento_eventbridge.demo import store_day

Json = dict[str, Any]


@cache
def store_day_captures() -> tuple[tuple[str, Capture], ...]:
    """Return each capture of the day with its action."""
    return tuple(
        (recording.action, read_capture(recording.line)) for recording in store_day.captures()
    )


def recorded(action: str, event: str, number: int = 0) -> Capture:
    """Return the capture of a Magento event in an action; `number` from 0, -1 is the last."""
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
    """Return a copy of a capture with other values, those of the snapshot one by one."""
    values: Json = {name: getattr(capture, name) for name in _FIELDS}
    return Capture(**{**values, "snapshot": {**capture.snapshot, **(snapshot or {})}, **fields})


def without(capture: Capture, *names: str) -> Capture:
    """Return a copy of a capture whose snapshot lacks some fields."""
    bare: Json = {name: getattr(capture, name) for name in _FIELDS}
    left = {name: value for name, value in capture.snapshot.items() if name not in names}
    return Capture(**{**bare, "snapshot": left})


def meaning(capture: Capture) -> EventDefinition:
    """Return the documented event of a capture."""
    event = event_of(capture)
    assert event is not None, f"{capture.event} means nothing"
    return event


def detail(capture: Capture) -> Json:
    """Return the detail of a capture, as consumers read it."""
    shown: Json = json.loads(json.dumps(meaning(capture).detail_of(capture)))
    return shown
