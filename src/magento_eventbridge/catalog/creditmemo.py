"""Credit memo events: created, updated, refunded, deleted."""

from collections.abc import Mapping
from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.order import is_changed, is_created
from magento_eventbridge.catalog.snapshot import Json, bought, named, number, text
from magento_eventbridge.events.creditmemo import Creditmemo, Status

# Magento\Sales\Model\Order\Creditmemo::STATE_*; entity calls of REST leave it unset.
_STATUSES: dict[str, Status] = {"1": "OPEN", "2": "REFUNDED", "3": "CANCELED"}


def _status(source: Mapping[str, Any], key: str) -> Status | None:
    return full.named(_STATUSES, source, key, unset="OPEN")


def _creditmemo(capture: Capture) -> Json:
    creditmemo = capture.snapshot
    return {
        "orderId": text(creditmemo["order"], "increment_id"),
        "shippingAmount": number(creditmemo, "shipping_amount", None),
        "taxAmount": number(creditmemo, "tax_amount", None),
        "total": number(creditmemo, "grand_total"),
        "status": named(_STATUSES, creditmemo, "state", unset="OPEN"),
        "items": _items(creditmemo),
    }


def _items(creditmemo: Mapping[str, Any]) -> list[Json]:
    return [
        {
            "sku": text(item, "sku"),
            "name": text(item, "name"),
            "price": number(item, "price"),
            "quantity": number(item, "qty"),
        }
        for item in bought(creditmemo)
    ]


_COLUMNS: Mapping[str, tuple[str, full.Read]] = {
    "state": ("status", _status),
    **full.AMOUNTS,
}


def _full(capture: Capture) -> Json:
    creditmemo = capture.snapshot
    return {
        **full.document(capture),
        **full.amounts(creditmemo),
        "items": full.items(creditmemo, _items(creditmemo)),
        "previous": full.previous(capture, _COLUMNS),
    }


_ITEM = {"sku": "WS12-M-Purple", "name": "Radiant Tee", "price": 22, "quantity": 1}
_CREDITMEMO = {
    "orderId": "000000001",
    "shippingAmount": 10,
    "taxAmount": 0,
    "total": 77,
    "status": "REFUNDED",
    "items": [_ITEM],
}
_CREDITMEMO_FULL = {
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
        detail_type="CreditmemoCreated",
        config_path="aws_eventbridge/events_creditmemo/saved",
        magento_events=("sales_order_creditmemo_save_after",),
        detail=Creditmemo,
        translate=_creditmemo,
        add_full=_full,
        applies=is_created,
        sample=_CREDITMEMO | {"status": "OPEN"},
        full_sample=_CREDITMEMO_FULL,
    ),
    EventDefinition(
        detail_type="CreditmemoUpdated",
        config_path="aws_eventbridge/events_creditmemo/saved",
        magento_events=("sales_order_creditmemo_save_after",),
        detail=Creditmemo,
        translate=_creditmemo,
        add_full=_full,
        applies=is_changed,
        sample=_CREDITMEMO,
        full_sample=_CREDITMEMO_FULL,
    ),
    EventDefinition(
        detail_type="CreditmemoRefunded",
        config_path="aws_eventbridge/events_creditmemo/refunded",
        magento_events=("sales_order_creditmemo_refund",),
        detail=Creditmemo,
        translate=_creditmemo,
        add_full=_full,
        sample=_CREDITMEMO,
        full_sample=_CREDITMEMO_FULL,
    ),
    EventDefinition(
        detail_type="CreditmemoDeleted",
        config_path="aws_eventbridge/events_creditmemo/deleted",
        magento_events=("sales_order_creditmemo_delete_after",),
        detail=Creditmemo,
        translate=_creditmemo,
        add_full=_full,
        sample=_CREDITMEMO,
        full_sample=_CREDITMEMO_FULL,
    ),
)
