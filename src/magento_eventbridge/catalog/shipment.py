"""Shipment events: saved, deleted."""

from collections.abc import Mapping

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import (
    Json,
    line_items,
    members,
    number,
    number_or_null,
    text,
)
from magento_eventbridge.events.shipment import Shipment


def _shipment(capture: Capture) -> Json:
    shipment = capture.snapshot
    return {
        "id": text(shipment, "increment_id"),
        "tracks": [
            {
                "title": text(track, "title", None),
                "carrier": text(track, "carrier_code", None),
                "number": text(track, "track_number", None),
            }
            for track in members(shipment, "tracks", None)
        ],
        "comments": [text(comment, "comment") for comment in members(shipment, "comments", None)],
        "qty": number(shipment, "total_qty", None),
        "weight": number_or_null(shipment, "total_weight"),
        "items": line_items(shipment, qty="qty"),
    }


_COLUMNS: Mapping[str, tuple[str, full.Read]] = {
    "total_qty": ("qty", full.number),
    "total_weight": ("weight", full.number),
}


def _full(capture: Capture) -> Json:
    shipment = capture.snapshot
    added = full.document(capture) | {
        "orderId": full.text(shipment["order"], "increment_id"),
        "items": full.items(shipment, line_items(shipment, qty="qty")),
        "previous": full.previous(capture, _COLUMNS),
    }
    del added["id"]  # documented
    return added


_ITEM = {"sku": "MT07-M-Gray", "name": "Argus All-Weather Tank", "price": 22, "qty": 1}
_SHIPMENT = {
    "id": "000000016",
    "tracks": [{"title": "DHL", "carrier": "dhl", "number": "123346457"}],
    "comments": ["this is a comment"],
    "qty": 1,
    "weight": None,
    "items": [_ITEM],
}
_SHIPMENT_FULL = {
    **full.SAMPLE_VIEW,
    "items": [full.sample_item(_ITEM, id=31)],
    "entityId": 16,
    "orderId": "000000001",
    "orderEntityId": 1,
    "customer": full.SAMPLE_BUYER,
    "paymentMethod": "checkmo",
    "shippingMethod": "flatrate_flatrate",
    **full.SAMPLE_TIMES,
    "previous": {},
}

EVENTS = (
    EventDefinition(
        detail_type="ShipmentSaved",
        config_path="aws_eventbridge/events_shipment/saved",
        magento_events=(
            "sales_order_shipment_save_after",
            "sales_order_shipment_track_save_after",
            "sales_order_shipment_track_delete_after",
            # No Magento event reports a comment: the agent sees its model being saved.
            "plugin:shipment_comment.save",
        ),
        detail=Shipment,
        translate=_shipment,
        add_full=_full,
        sample=_SHIPMENT,
        full_sample=_SHIPMENT_FULL,
    ),
    EventDefinition(
        detail_type="ShipmentDeleted",
        config_path="aws_eventbridge/events_shipment/deleted",
        magento_events=("sales_order_shipment_delete_after",),
        detail=Shipment,
        translate=_shipment,
        add_full=_full,
        sample=_SHIPMENT,
        full_sample=_SHIPMENT_FULL,
    ),
)
