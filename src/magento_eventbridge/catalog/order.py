"""Order events: placed, created, updated, canceled, deleted."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import (
    Json,
    address,
    line_items,
    number,
    text,
    text_or_null,
)
from magento_eventbridge.events.order import Order


def _order(capture: Capture) -> Json:
    order = capture.snapshot
    return {
        "id": text(order, "increment_id"),
        "status": text(order, "status"),
        "coupon": text_or_null(order, "coupon_code"),
        "billingAddress": address(order, "billing_address", "country"),
        "shippingAddress": address(order, "shipping_address", "country"),
        "shippingAmount": number(order, "shipping_amount", None),
        "taxAmount": number(order, "tax_amount", None),
        "total": number(order, "grand_total"),
        "items": line_items(order, qty="qty_ordered"),
    }


def is_created(capture: Capture) -> bool:
    """Tell whether the save made the thing."""
    return capture.is_new


def is_changed(capture: Capture) -> bool:
    """Tell whether the save changed something that was there; its time stamp does not count."""
    return not capture.is_new and bool(capture.original.keys() - {"updated_at"})


_ADDRESS = {
    "country": "IT",
    "region": None,
    "street": ["via di test"],
    "city": "Test",
    "postCode": "12345",
}
_ORDER = {
    "id": "000000001",
    "status": "pending",
    "coupon": None,
    "billingAddress": _ADDRESS,
    "shippingAddress": _ADDRESS,
    "shippingAmount": 5,
    "taxAmount": 0,
    "total": 64,
    "items": [{"sku": "24-MB02", "name": "Fusion Backpack", "price": 59, "qty": 1}],
}

EVENTS = (
    EventDefinition(
        detail_type="OrderPlaced",
        config_path="aws_eventbridge/events_order/placed",
        magento_events=("sales_order_place_after",),
        when="An order was placed and saved, by whichever way it came.",
        detail=Order,
        translate=_order,
        sample=_ORDER,
    ),
    EventDefinition(
        detail_type="OrderCreated",
        config_path="aws_eventbridge/events_order/saved",
        magento_events=("sales_order_save_after",),
        when="An order was saved for the first time.",
        detail=Order,
        translate=_order,
        applies=is_created,
        sample=_ORDER,
    ),
    EventDefinition(
        detail_type="OrderUpdated",
        config_path="aws_eventbridge/events_order/saved",
        magento_events=("sales_order_save_after",),
        when="A saved order changed; once for each transaction, with its last state.",
        detail=Order,
        translate=_order,
        applies=is_changed,
        sample=_ORDER | {"status": "processing"},
    ),
    EventDefinition(
        detail_type="OrderCanceled",
        config_path="aws_eventbridge/events_order/canceled",
        magento_events=("order_cancel_after",),
        when="An order was canceled.",
        detail=Order,
        translate=_order,
        sample=_ORDER | {"status": "canceled"},
    ),
    EventDefinition(
        detail_type="OrderDeleted",
        config_path="aws_eventbridge/events_order/deleted",
        magento_events=("sales_order_delete_after",),
        when="An order was deleted; the detail is what it was.",
        detail=Order,
        translate=_order,
        sample=_ORDER,
    ),
)
