"""Order events: placed, created, updated, canceled, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Address, Detail, LineItem, Number
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class Order(Detail):
    """An order; amounts in the order's currency. A virtual order has no shipping address."""

    id: str
    status: str
    coupon: str | None
    billing_address: Address | None
    shipping_address: Address | None
    shipping_amount: Number
    tax_amount: Number
    total: Number
    items: list[LineItem]


class OrderPlaced(EventBridgeEvent[Order]):
    """An order was placed and saved, by whichever way it came."""

    detail_type: Annotated[Literal["OrderPlaced"], DETAIL_TYPE]


class OrderCreated(EventBridgeEvent[Order]):
    """An order was saved for the first time."""

    detail_type: Annotated[Literal["OrderCreated"], DETAIL_TYPE]


class OrderUpdated(EventBridgeEvent[Order]):
    """A saved order changed; once for each transaction, with its last state."""

    detail_type: Annotated[Literal["OrderUpdated"], DETAIL_TYPE]


class OrderCanceled(EventBridgeEvent[Order]):
    """An order was canceled."""

    detail_type: Annotated[Literal["OrderCanceled"], DETAIL_TYPE]


class OrderDeleted(EventBridgeEvent[Order]):
    """An order was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["OrderDeleted"], DETAIL_TYPE]
