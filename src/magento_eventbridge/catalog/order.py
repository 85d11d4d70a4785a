"""Order events: placed, created, updated, canceled, deleted."""

from collections.abc import Mapping

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
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


_COLUMNS: Mapping[str, tuple[str, full.Read]] = {
    "status": ("status", full.text),
    "state": ("state", full.text),
    "coupon_code": ("coupon", full.text),
    **full.AMOUNTS,
    "total_paid": ("totalPaid", full.number),
    "total_refunded": ("totalRefunded", full.number),
    "total_due": ("totalDue", full.number),
    "shipping_method": ("shippingMethod", full.text),
}


def _full(capture: Capture) -> Json:
    order = capture.snapshot
    return {
        **full.view(capture),
        "items": full.items(order, line_items(order, qty="qty_ordered")),
        "entityId": full.identifier(order, "entity_id"),
        "quoteId": full.identifier(order, "quote_id"),
        "state": full.text(order, "state"),
        **full.amounts(order),
        "customer": full.buyer(order),
        "totalPaid": full.number(order, "total_paid"),
        "totalRefunded": full.number(order, "total_refunded"),
        "totalDue": full.number(order, "total_due"),
        "paymentMethod": full.text(order, "payment_method"),
        "shippingMethod": full.text(order, "shipping_method"),
        **full.times(order),
        "previous": full.previous(capture, _COLUMNS),
    }


def is_created(capture: Capture) -> bool:
    """Return whether the save created the entity."""
    return capture.is_new


def is_changed(capture: Capture) -> bool:
    """Return whether the save changed an existing thing; its time stamp does not count."""
    return not capture.is_new and bool(capture.original.keys() - {"updated_at"})


_ADDRESS = {
    "country": "IT",
    "region": None,
    "street": ["via di test"],
    "city": "Test",
    "postCode": "12345",
}
_ITEM = {"sku": "24-MB02", "name": "Fusion Backpack", "price": 59, "qty": 1}
_ORDER = {
    "id": "000000001",
    "status": "pending",
    "coupon": None,
    "billingAddress": _ADDRESS,
    "shippingAddress": _ADDRESS,
    "shippingAmount": 5,
    "taxAmount": 0,
    "total": 64,
    "items": [_ITEM],
}
_ORDER_FULL = {
    **full.SAMPLE_VIEW,
    "items": [full.sample_item(_ITEM)],
    "entityId": 1,
    "quoteId": 12,
    "state": "new",
    "currency": "EUR",
    "baseCurrency": "EUR",
    "customer": full.SAMPLE_BUYER,
    "subtotal": 59,
    "discountAmount": 0,
    "totalPaid": 0,
    "totalRefunded": 0,
    "totalDue": 64,
    "paymentMethod": "checkmo",
    "shippingMethod": "flatrate_flatrate",
    **full.SAMPLE_TIMES,
    "previous": {},
}

EVENTS = (
    EventDefinition(
        detail_type="OrderPlaced",
        config_path="aws_eventbridge/events_order/placed",
        magento_events=("sales_order_place_after",),
        detail=Order,
        translate=_order,
        add_full=_full,
        sample=_ORDER,
        full_sample=_ORDER_FULL,
    ),
    EventDefinition(
        detail_type="OrderCreated",
        config_path="aws_eventbridge/events_order/saved",
        magento_events=("sales_order_save_after",),
        detail=Order,
        translate=_order,
        add_full=_full,
        applies=is_created,
        sample=_ORDER,
        full_sample=_ORDER_FULL,
    ),
    EventDefinition(
        detail_type="OrderUpdated",
        config_path="aws_eventbridge/events_order/saved",
        magento_events=("sales_order_save_after", "sales_order_address_save_after"),
        detail=Order,
        translate=_order,
        add_full=_full,
        applies=is_changed,
        sample=_ORDER | {"status": "processing"},
        full_sample=_ORDER_FULL
        | {"state": "processing", "previous": {"status": "pending", "state": "new"}},
    ),
    EventDefinition(
        detail_type="OrderCanceled",
        config_path="aws_eventbridge/events_order/canceled",
        magento_events=("order_cancel_after",),
        detail=Order,
        translate=_order,
        add_full=_full,
        sample=_ORDER | {"status": "canceled"},
        full_sample=_ORDER_FULL
        | {"state": "canceled", "previous": {"status": "pending", "state": "new"}},
    ),
    EventDefinition(
        detail_type="OrderDeleted",
        config_path="aws_eventbridge/events_order/deleted",
        magento_events=("sales_order_delete_after",),
        detail=Order,
        translate=_order,
        add_full=_full,
        sample=_ORDER,
        full_sample=_ORDER_FULL,
    ),
)
