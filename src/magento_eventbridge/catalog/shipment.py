"""Shipment events: saved, deleted."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.detail import (
    Detail,
    LineItem,
    NullableNumber,
    Number,
    Text,
    line_items,
    members,
    text,
)
from magento_eventbridge.catalog.event import Event


class Track(Detail):
    """One tracking number and whose it is."""

    title: Text
    carrier: Text
    number: Text


class Shipment(Detail):
    """A shipment; `qty` is the number of things in it, `weight` null where nobody weighed it."""

    id: Text
    tracks: list[Track]
    comments: list[Text]
    qty: Number
    weight: NullableNumber
    items: list[LineItem]


def _shipment(capture: Capture) -> Shipment:
    shipment = capture.snapshot
    return Shipment(
        id=shipment["increment_id"],
        tracks=[
            Track(
                title=text(track.get("title")),
                carrier=text(track.get("carrier_code")),
                number=text(track.get("track_number")),
            )
            for track in members(shipment.get("tracks"))
        ],
        comments=[text(comment["comment"]) for comment in members(shipment.get("comments"))],
        qty=shipment.get("total_qty"),
        weight=shipment.get("total_weight"),
        items=line_items(shipment["items"], qty="qty"),
    )


_SHIPMENT = {
    "id": "000000016",
    "tracks": [{"title": "DHL", "carrier": "dhl", "number": "123346457"}],
    "comments": ["this is a comment"],
    "qty": 1,
    "weight": None,
    "items": [{"sku": "MT07-M-Gray", "name": "Argus All-Weather Tank", "price": 22, "qty": 1}],
}

EVENTS = (
    Event(
        detail_type="ShipmentSaved",
        config_path="aws_eventbridge/events_shipment/saved",
        magento_events=(
            "sales_order_shipment_save_after",
            "sales_order_shipment_track_save_after",
            "sales_order_shipment_track_delete_after",
        ),
        when="A shipment was saved, or a track was added to it or taken from it later; once for "
        "each transaction.",
        detail=Shipment,
        translate=_shipment,
        sample=_SHIPMENT,
    ),
    Event(
        detail_type="ShipmentDeleted",
        config_path="aws_eventbridge/events_shipment/deleted",
        magento_events=("sales_order_shipment_delete_after",),
        when="A shipment was deleted; the detail is what it was.",
        detail=Shipment,
        translate=_shipment,
        sample=_SHIPMENT,
    ),
)
