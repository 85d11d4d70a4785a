"""Invoice events: created, updated, payed, registered, deleted."""

from collections.abc import Mapping
from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.order import is_changed, is_created
from magento_eventbridge.catalog.snapshot import Json, address, line_items, named, number, text
from magento_eventbridge.events.invoice import Invoice, Status

# Magento\Sales\Model\Order\Invoice::STATE_*; entity calls of REST leave it unset.
_STATUSES: dict[str, Status] = {"1": "OPEN", "2": "PAID", "3": "CANCELED"}


def _status(source: Mapping[str, Any], key: str) -> Status | None:
    return full.named(_STATUSES, source, key, unset="OPEN")


def _invoice(capture: Capture) -> Json:
    invoice = capture.snapshot
    return {
        "orderId": text(invoice["order"], "increment_id"),
        "status": named(_STATUSES, invoice, "state", unset="OPEN"),
        "billingAddress": address(invoice, "billing_address", "countryId"),
        "shippingAmount": number(invoice, "shipping_amount", None),
        "taxAmount": number(invoice, "tax_amount", None),
        "total": number(invoice, "grand_total"),
        "items": line_items(invoice, qty="qty"),
    }


_COLUMNS: Mapping[str, tuple[str, full.Read]] = {
    "state": ("status", _status),
    **full.AMOUNTS,
}


def _full(capture: Capture) -> Json:
    invoice = capture.snapshot
    return {
        **full.document(capture),
        **full.amounts(invoice),
        "items": full.items(invoice, line_items(invoice, qty="qty")),
        "previous": full.previous(capture, _COLUMNS),
    }


_ITEM = {"sku": "WS12-M-Purple", "name": "Radiant Tee", "price": 22, "qty": 1}
_INVOICE = {
    "orderId": "000000001",
    "status": "PAID",
    "billingAddress": {
        "countryId": "IT",
        "region": None,
        "street": ["via di test"],
        "city": "Test",
        "postCode": "12345",
    },
    "shippingAmount": 10,
    "taxAmount": 0,
    "total": 77,
    "items": [_ITEM],
}
_INVOICE_FULL = {
    **full.SAMPLE_VIEW,
    "items": [full.sample_item(_ITEM, id=21)],
    "id": "000000004",
    "entityId": 4,
    "orderEntityId": 1,
    "currency": "EUR",
    "baseCurrency": "EUR",
    "customer": full.SAMPLE_BUYER,
    "subtotal": 67,
    "discountAmount": 0,
    "paymentMethod": "checkmo",
    "shippingMethod": "flatrate_flatrate",
    **full.SAMPLE_TIMES,
    "previous": {},
}

EVENTS = (
    EventDefinition(
        detail_type="InvoiceCreated",
        config_path="aws_eventbridge/events_invoice/saved",
        magento_events=("sales_order_invoice_save_after",),
        detail=Invoice,
        translate=_invoice,
        add_full=_full,
        applies=is_created,
        sample=_INVOICE | {"status": "OPEN"},
        full_sample=_INVOICE_FULL,
    ),
    EventDefinition(
        detail_type="InvoiceUpdated",
        config_path="aws_eventbridge/events_invoice/saved",
        magento_events=("sales_order_invoice_save_after",),
        detail=Invoice,
        translate=_invoice,
        add_full=_full,
        applies=is_changed,
        sample=_INVOICE,
        full_sample=_INVOICE_FULL,
    ),
    EventDefinition(
        detail_type="InvoicePayed",
        config_path="aws_eventbridge/events_invoice/payed",
        magento_events=("sales_order_invoice_pay",),
        detail=Invoice,
        translate=_invoice,
        add_full=_full,
        sample=_INVOICE,
        full_sample=_INVOICE_FULL,
    ),
    EventDefinition(
        detail_type="InvoiceRegistered",
        config_path="aws_eventbridge/events_invoice/registered",
        magento_events=("sales_order_invoice_register",),
        detail=Invoice,
        translate=_invoice,
        add_full=_full,
        sample=_INVOICE,
        full_sample=_INVOICE_FULL,
    ),
    EventDefinition(
        detail_type="InvoiceDeleted",
        config_path="aws_eventbridge/events_invoice/deleted",
        magento_events=("sales_order_invoice_delete_after",),
        detail=Invoice,
        translate=_invoice,
        add_full=_full,
        sample=_INVOICE,
        full_sample=_INVOICE_FULL,
    ),
)
