"""A shop in front of a running bridge: orders, and their hand-over to its inlet."""

import json
import time
from typing import Any

from magento_eventbridge.inlets.client import hand_over
from tests.support import recorded
from tests.support.process import SECRET, Serving


def an_order(number: int = 0) -> dict[str, Any]:
    """Return the capture of an order that is placed now."""
    placed = recorded.of("order-guest", "sales_order_place_after")
    return recorded.again(placed, time=time.time(), subject=f"order/{number}")


async def give_captures(bridge: Serving, *captures: dict[str, Any]) -> None:
    """Hand captures over to the bridge's inlet."""
    await hand_over(bridge.url, SECRET, [json.dumps(capture).encode() for capture in captures])
