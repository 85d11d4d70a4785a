"""Captures for tests: recorded ones, with unique ids and subjects where many are needed."""

import json
from typing import Any

import uuid_utils

from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.demo import store_day

Json = dict[str, Any]


def of(action: str, event: str, number: int = 0) -> Json:
    """Return the recorded capture of a Magento event in an action."""
    captures: list[Json] = [
        json.loads(recorded.line)
        for recorded in store_day.captures()
        if recorded.action == action and json.loads(recorded.line)["event"] == event
    ]
    return captures[number]


def again(result: Json, **changes: Any) -> Json:
    """Return a copy of a capture with another id."""
    return {**result, "id": str(uuid_utils.uuid7()), **changes}


def stored(result: Json) -> tuple[Capture, bytes]:
    """Return a capture in the form that queues store."""
    text = json.dumps(result).encode()
    return read_capture(text), text


def orders(count: int, *, view_id: int = 1) -> list[tuple[Capture, bytes]]:
    """Return captures of so many placed orders."""
    placed = of("order-guest", "sales_order_place_after")
    return [
        stored(again(placed, subject=f"order/{number}", store_id=view_id))
        for number in range(count)
    ]
