"""Shipment events: saved, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import (
    Buyer,
    Identifier,
    LineItem,
    Number,
    Part,
    ViewDetail,
    former,
    full_only,
)
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class Track(Part):
    """One tracking number and whose it is."""

    title: str
    carrier: str
    number: str


class PreviousShipment(Part):
    """The former values of the fields that changed; only these are present."""

    qty: Number | None = former()
    weight: Number | None = former()


class Shipment(ViewDetail):
    """A shipment; `qty` is the number of items in it, `weight` null if it was not set."""

    id: str
    tracks: list[Track]
    comments: list[str]
    qty: Number
    weight: Number | None
    items: list[LineItem]
    entity_id: Identifier | None = full_only()
    order_id: str | None = full_only()
    order_entity_id: Identifier | None = full_only()
    customer: Buyer | None = full_only()
    payment_method: str | None = full_only()
    shipping_method: str | None = full_only()
    created_at: str | None = full_only()
    updated_at: str | None = full_only()
    previous: PreviousShipment | None = full_only()


class ShipmentSaved(EventBridgeEvent[Shipment]):
    """A shipment was saved, or a track or a comment was added to it or deleted later; once for
    each transaction.
    """

    detail_type: Annotated[Literal["ShipmentSaved"], DETAIL_TYPE]


class ShipmentDeleted(EventBridgeEvent[Shipment]):
    """A shipment was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["ShipmentDeleted"], DETAIL_TYPE]
