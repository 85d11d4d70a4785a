"""Cart events: what a shopper puts into the cart, changes there and takes out."""

from typing import Annotated, Literal

from pydantic import Field

from magento_eventbridge.events.detail import (
    Buyer,
    Identifier,
    ItemOption,
    Number,
    Part,
    ViewDetail,
    full_only,
)
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class CartDetail(ViewDetail):
    """What full details add to a cart event."""

    cart_id: Identifier | None = full_only()
    item_id: Identifier | None = full_only()
    product_id: Identifier | None = full_only()
    product_type: str | None = full_only()
    name: str | None = full_only()
    price: Number | None = full_only()
    options: list[ItemOption] | None = full_only()
    row_total: Number | None = full_only()
    discount_amount: Number | None = full_only()
    currency: str | None = full_only()
    base_currency: str | None = full_only()
    customer: Buyer | None = full_only()
    created_at: str | None = full_only()
    updated_at: str | None = full_only()


class CartProduct(CartDetail):
    """A product and how many of it were put in or taken out."""

    sku: str
    qty: Number


class QuantityChange(Part):
    """A quantity before and after."""

    from_: Annotated[Number, Field(alias="from")]
    to: Number


class CartProductUpdate(CartDetail):
    """A product whose quantity in the cart changed by `value`."""

    sku: str
    operation: Literal["add", "remove"]
    value: Number
    qty: QuantityChange


class CartProductAdded(EventBridgeEvent[CartProduct]):
    """A shopper added a product to the cart; `qty` is how many were added."""

    detail_type: Annotated[Literal["CartProductAdded"], DETAIL_TYPE]


class CartProductUpdated(EventBridgeEvent[CartProductUpdate]):
    """A shopper changed the quantity of a product in the cart."""

    detail_type: Annotated[Literal["CartProductUpdated"], DETAIL_TYPE]


class CartProductRemoved(EventBridgeEvent[CartProduct]):
    """A shopper took a product out of the cart; `qty` is how many there were."""

    detail_type: Annotated[Literal["CartProductRemoved"], DETAIL_TYPE]
