"""Shipment events: saved, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail, LineItem, Number, Part
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class Track(Part):
    """One tracking number and whose it is."""

    title: str
    carrier: str
    number: str


class Shipment(Detail):
    """A shipment; `qty` is the number of things in it, `weight` null where nobody weighed it."""

    id: str
    tracks: list[Track]
    comments: list[str]
    qty: Number
    weight: Number | None
    items: list[LineItem]


class ShipmentSaved(EventBridgeEvent[Shipment]):
    """A shipment was saved, or a track was added to it or taken from it later; once for each
    transaction.
    """

    detail_type: Annotated[Literal["ShipmentSaved"], DETAIL_TYPE]


class ShipmentDeleted(EventBridgeEvent[Shipment]):
    """A shipment was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["ShipmentDeleted"], DETAIL_TYPE]
