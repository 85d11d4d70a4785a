"""Order events: placed, created, updated, canceled, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import (
    Address,
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


class PreviousOrder(Part):
    """The former values of the fields that changed; only these are present."""

    status: str | None = former()
    state: str | None = former()
    coupon: str | None = former()
    shipping_amount: Number | None = former()
    tax_amount: Number | None = former()
    total: Number | None = former()
    subtotal: Number | None = former()
    discount_amount: Number | None = former()
    total_paid: Number | None = former()
    total_refunded: Number | None = former()
    total_due: Number | None = former()
    shipping_method: str | None = former()


class Order(ViewDetail):
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
    entity_id: Identifier | None = full_only()
    quote_id: Identifier | None = full_only()
    state: str | None = full_only()
    currency: str | None = full_only()
    base_currency: str | None = full_only()
    customer: Buyer | None = full_only()
    subtotal: Number | None = full_only()
    discount_amount: Number | None = full_only()
    total_paid: Number | None = full_only()
    total_refunded: Number | None = full_only()
    total_due: Number | None = full_only()
    payment_method: str | None = full_only()
    shipping_method: str | None = full_only()
    created_at: str | None = full_only()
    updated_at: str | None = full_only()
    previous: PreviousOrder | None = full_only()


class OrderPlaced(EventBridgeEvent[Order]):
    """An order was placed and saved, by whichever way it came."""

    detail_type: Annotated[Literal["OrderPlaced"], DETAIL_TYPE]


class OrderCreated(EventBridgeEvent[Order]):
    """An order was saved for the first time."""

    detail_type: Annotated[Literal["OrderCreated"], DETAIL_TYPE]


class OrderUpdated(EventBridgeEvent[Order]):
    """A saved order or one of its addresses changed; once for each transaction, with its last
    state.
    """

    detail_type: Annotated[Literal["OrderUpdated"], DETAIL_TYPE]


class OrderCanceled(EventBridgeEvent[Order]):
    """An order was canceled."""

    detail_type: Annotated[Literal["OrderCanceled"], DETAIL_TYPE]


class OrderDeleted(EventBridgeEvent[Order]):
    """An order was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["OrderDeleted"], DETAIL_TYPE]
